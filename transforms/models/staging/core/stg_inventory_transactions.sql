{{ stg_inventory_transactions_rows() }}
