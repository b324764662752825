"""Hot spots of citizens' requests: more of one category, in some cells, for some time, than chance brings together."""
