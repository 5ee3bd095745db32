{{ config(materialized='table') }}

-- One row per customer order line of a package and SKU that it contains, with the units of it in one package. A package
-- of which nobody says what it contains has no rows: it counts as itself.

{{ opened_packages("(select * from " ~ ref('int_customer_order_lines') ~ " where is_package)", ref('stg_order_line_components')) }}
