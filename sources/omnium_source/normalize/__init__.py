"""Pages of JSON become tables: columns, keys and hashes, in this process or in workers."""
