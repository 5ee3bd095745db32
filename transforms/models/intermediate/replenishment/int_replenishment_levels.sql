-- One row per SKU and warehouse: from what stock on to order, and up to what.

{{ replenishment_levels(ref('int_replenishment_items'), var('service_level')) }}
