//! Where an address is: on the public internet, in a network of one's own, or nowhere that an answer comes from.
//!
//! Sources: the IANA registries of special-purpose addresses (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anybody's: globally reachable.
    Public,
    /// This machine or a network around it.
    Private,
    /// Link-local (where clouds keep their metadata), multicast, unspecified, reserved, for documents or for tunnels:
    /// no name leads there.
    Never,
}

/// The reach of `address`; one that carries an IPv4 address within is where that is.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127 | 10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Reach::Private,
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let within = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            within(high, low)
        }
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // Teredo, ORCHID and other protocol assignments; documents.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_known_whatever_carries_it() {
        for (place, addresses) in [
            (
                Reach::Public,
                "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 198.20.0.1 223.255.255.255",
            ),
            (Reach::Public, "2606:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"),
            (Reach::Private, "127.0.0.1 127.255.0.1 10.1.2.3 192.168.0.1 172.16.0.1 172.31.255.255 100.64.0.1"),
            (Reach::Private, "::1 fd00::1 fc00::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1"),
            (Reach::Never, "0.0.0.0 0.1.2.3 169.254.169.254 224.0.0.1 240.0.0.1 255.255.255.255 192.0.0.1 198.18.0.1"),
            (Reach::Never, "192.0.2.1 198.51.100.1 203.0.113.1 192.88.99.1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe"),
            (
                Reach::Never,
                ":: fe80::1 fec0::1 ff02::1 2001:db8::1 2001::1 2001:20::1 3fff::1 100::1 64:ff9b:1::1 ::7f00:1",
            ),
            (Reach::Never, "::ffff:0:0 2002:a9fe:a9fe::1 5f00::1 4000::1"),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(reach(address.parse().unwrap()), place, "{address}");
            }
        }
    }
}
