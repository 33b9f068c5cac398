//! What keeps a server from starting.

use crate::running::{Running, bind};

#[test]
fn port_in_use_is_named_with_a_way_out() {
    let server = Running::with(&[]);
    let address = server.address.to_string();
    let refusal = bind(&[("listen", &address)]).unwrap_err().to_string();
    let expected = format!(
        "listen = \"{address}\" is in use by another process; end that, or try --listen 127.0.0.1:0 for a free port"
    );
    assert_eq!(refusal, expected);
}

#[test]
fn address_of_another_machine_is_named_with_a_way_out() {
    let refusal = bind(&[("listen", "192.0.2.1:8000"), ("insecure", "true")]).unwrap_err().to_string();
    assert_eq!(refusal, "listen = \"192.0.2.1:8000\" is no address of this machine; try --listen 127.0.0.1:8000");
}
