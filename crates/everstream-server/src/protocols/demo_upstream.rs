//! The built-in upstream of the demo.
