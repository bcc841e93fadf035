//! Rules as data: YAML files with CEL conditions over facts.
