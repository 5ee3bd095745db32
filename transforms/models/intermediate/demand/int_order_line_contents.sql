{{ config(materialized='table') }}

-- One row per customer order line of a package and SKU that it contains, with the units in one package. A package with
-- unknown contents has no rows and counts as itself.

{{ opened_packages("(select * from " ~ ref('int_customer_order_lines') ~ " where is_package)", ref('stg_order_line_components')) }}
