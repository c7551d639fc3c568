//! Where webhooks may go: into the internet, and to the networks that the operator permits. Nowhere else, whatever a name
//! stands for: what is checked is the address that is connected to.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long a name is looked up when a webhook is made.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The networks of IPv4 that are not the internet (RFC 6890 and what came after), and one of a cloud that is reached inside
/// of it only.
const NOT_PUBLIC: [Ipv4Net; 17] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Metadata of most clouds.
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 31, 196, 0], 24),
    v4([192, 52, 193, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast, and what is reserved above it.
    v4([224, 0, 0, 0], 3),
    // The platform of Azure, seen from its machines.
    v4([168, 63, 129, 16], 32),
];

/// Of IPv6 only this is the internet: neither loopback, nor unique-local, link-local and multicast addresses, nor IPv4 in
/// other clothes (mapped, compatible, NAT64) are in it.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is not, inside of it.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    // Protocols, among them Teredo.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // IPv4 in other clothes: 6to4.
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// Where webhooks may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    permitted: Vec<IpNet>,
}

/// Why a text names no networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNetworks(String);

impl fmt::Display for NotNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no network such as 10.0.0.0/8 or fd00::/8, separated by commas", self.0)
    }
}

impl FromStr for Reach {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let network = |word: &str| {
            let single = || word.parse::<IpAddr>().ok().map(IpNet::from);
            let network = word.parse::<IpNet>().ok().filter(|network| network.trunc() == *network);
            network.or_else(single).ok_or_else(|| NotNetworks(word.to_owned()))
        };
        Ok(Self { permitted: words.map(network).collect::<Result<_, _>>()? })
    }
}

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It leads to an address that is not the internet's, and was not permitted.
    Address,
    /// It leads out without encryption.
    Plain,
    /// It is none.
    Malformed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "leads to an address that this server does not connect to",
            Self::Plain => "must begin with https://",
            Self::Malformed => "is no address of the web",
        })
    }
}

impl std::error::Error for Refused {}

impl Reach {
    /// Whether a connection may be made to this address; without TLS only to those that were permitted.
    fn allows(&self, address: IpAddr, is_tls: bool) -> Result<(), Refused> {
        let plain = address.to_canonical();
        let is_permitted = self.permitted.iter().any(|network| network.contains(&plain) || network.contains(&address));
        match (is_permitted, is_public(address), is_tls) {
            (true, _, _) | (false, true, true) => Ok(()),
            (false, true, false) => Err(Refused::Plain),
            (false, false, _) => Err(Refused::Address),
        }
    }

    /// Whether something could be sent to this URL, as far as can be told now. A name that nobody knows may be known later:
    /// what counts is looked up again whenever something is sent. It blocks, for two seconds at most.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, url: &str) -> Result<(), Refused> {
        let uri: Uri = url.parse().map_err(|_| Refused::Malformed)?;
        let limit = NextTimeout { after: LOOK_UP_TIMEOUT.into(), ..NextTimeout::default() };
        let resolver = CheckedResolver { reach: self.clone(), lookup: DefaultResolver::default() };
        match resolver.resolve(&uri, &Config::default(), limit) {
            Ok(_) => Ok(()),
            Err(error) => match refused(&error) {
                Some(refused) => Err(refused),
                None if uri.scheme() == Some(&Scheme::HTTPS) => Ok(()),
                None => Err(Refused::Plain),
            },
        }
    }
}

/// Looks names up as every program does, and gives nothing but addresses that may be connected to: the connection is made to
/// one of these and no other.
#[derive(Debug)]
pub(super) struct CheckedResolver {
    pub(super) reach: Reach,
    pub(super) lookup: DefaultResolver,
}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.lookup.resolve(uri, config, timeout)?;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let mut allowed = self.empty();
        let mut refused = Refused::Address;
        for address in found.iter() {
            match self.reach.allows(address.ip(), is_tls) {
                Ok(()) => allowed.push(*address),
                Err(why) => refused = why,
            }
        }
        if allowed.is_empty() {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, refused).into())
        } else {
            Ok(allowed)
        }
    }
}

/// Why nothing was sent, where that is because of the address.
pub(super) fn refused(error: &ureq::Error) -> Option<Refused> {
    let ureq::Error::Io(error) = error else { return None };
    error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for (address, public) in [
            ("93.184.215.14", true),
            ("8.8.8.8", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("100.63.255.255", true),
            ("2606:2800:21f:cb07::1", true),
            ("2a00:1450:4001::1", true),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.100.100.200", false),
            ("192.0.0.192", false),
            ("168.63.129.16", false),
            ("198.18.0.1", false),
            ("192.0.2.1", false),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("100::1", false),
            ("3fff::1", false),
            ("5f00::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn the_operator_permits_networks_and_without_encryption_nothing_else() {
        let reach: Reach = "10.1.0.0/16, 127.0.0.1,fd00::/8".parse().unwrap();
        for (address, is_tls, expected) in [
            ("10.1.2.3", true, Ok(())),
            ("10.1.2.3", false, Ok(())),
            ("::ffff:10.1.2.3", false, Ok(())),
            ("10.2.0.0", true, Err(Refused::Address)),
            ("10.2.0.0", false, Err(Refused::Address)),
            ("127.0.0.1", false, Ok(())),
            ("127.0.0.2", true, Err(Refused::Address)),
            ("fd00::7", false, Ok(())),
            ("fe80::7", true, Err(Refused::Address)),
            ("8.8.8.8", true, Ok(())),
            ("8.8.8.8", false, Err(Refused::Plain)),
        ] {
            assert_eq!(reach.allows(address.parse().unwrap(), is_tls), expected, "{address}");
        }
        assert_eq!("".parse(), Ok(Reach::default()));
        for text in ["x", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "fd00::/200", "10.0.0.0/8;::1"] {
            assert!(text.parse::<Reach>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_is_checked_by_what_its_host_stands_for() {
        let (nowhere, home): (Reach, Reach) = (Reach::default(), "127.0.0.0/8".parse().unwrap());
        for (url, expected) in [
            ("https://127.0.0.1/", Err(Refused::Address)),
            ("https://2130706433/", Err(Refused::Address)),
            ("https://0x7f000001/", Err(Refused::Address)),
            ("https://0x7f.1/", Err(Refused::Address)),
            ("https://017700000001/", Err(Refused::Address)),
            ("https://127.1/", Err(Refused::Address)),
            ("https://localhost/", Err(Refused::Address)),
            ("https://[::1]/", Err(Refused::Address)),
            ("https://[::ffff:127.0.0.1]/", Err(Refused::Address)),
            ("https://[fe80::1]:8080/", Err(Refused::Address)),
            ("http://8.8.8.8/", Err(Refused::Plain)),
            ("https://8.8.8.8/", Ok(())),
            ("https://nobody.invalid/", Ok(())),
            ("http://nobody.invalid/", Err(Refused::Plain)),
        ] {
            assert_eq!(nowhere.check(url), expected, "{url}");
        }
        assert_eq!(home.check("http://127.0.0.1:9/"), Ok(()));
        assert_eq!(home.check("http://127.1:9/"), Ok(()));
    }
}
