"""The gate's own URLs, answered before any rule is asked. `table` knows where they are; each of the others is one."""
