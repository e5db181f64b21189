//! The PROXY protocol, versions 1 and 2: who the client is, told by a load balancer.
//!
//! Only read from peers that the listener names, before anything else on the connection; there
//! it is required, since a load balancer that forgets it would hide every client behind itself.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
};

use ppp::{v1, v2};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Why a PROXY header was not understood.
#[derive(Debug, Error)]
pub(crate) enum ProxyError {
    #[error("the connection does not begin with a PROXY header")]
    Absent,
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("the PROXY header cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("the PROXY header did not come in time")]
    TooSlow,
}

/// Fewer octets than the shortest header of either version, and enough to tell them apart.
const FIRST_OCTETS: usize = 13;
/// The longest header of version 1 (specification §2.1).
const V1_OCTETS_MAX: usize = 107;
/// What follows the 16 octets of version 2: addresses and more than the usual extensions.
const V2_OCTETS_MAX: usize = 2048;

/// Reads the header and nothing after it. `None` where it names no client: the load balancer
/// speaks for itself, as in a health check.
pub(crate) async fn read_header<R>(from: &mut R) -> Result<Option<SocketAddr>, ProxyError>
where
    R: AsyncRead + Unpin,
{
    let mut header = vec![0; FIRST_OCTETS];
    from.read_exact(&mut header).await?;
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        read_v2(from, header).await
    } else if header.starts_with(b"PROXY ") {
        read_v1(from, header).await
    } else {
        Err(ProxyError::Absent)
    }
}

async fn read_v1<R>(from: &mut R, mut header: Vec<u8>) -> Result<Option<SocketAddr>, ProxyError>
where
    R: AsyncRead + Unpin,
{
    while !header.ends_with(b"\r\n") {
        if header.len() == V1_OCTETS_MAX {
            return Err(ProxyError::Malformed);
        }
        header.push(from.read_u8().await?);
    }
    let parsed = v1::Header::try_from(&*header).map_err(|_| ProxyError::Malformed)?;
    Ok(match parsed.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(pair) => Some(v4(pair.source_address, pair.source_port)),
        v1::Addresses::Tcp6(pair) => Some(v6(pair.source_address, pair.source_port)),
    })
}

async fn read_v2<R>(from: &mut R, mut header: Vec<u8>) -> Result<Option<SocketAddr>, ProxyError>
where
    R: AsyncRead + Unpin,
{
    let family = from.read_u8().await?;
    let rest = from.read_u16().await?;
    header.push(family);
    header.extend_from_slice(&rest.to_be_bytes());
    let rest = usize::from(rest);
    if rest > V2_OCTETS_MAX {
        return Err(ProxyError::Malformed);
    }
    let start = header.len();
    header.resize(start + rest, 0);
    let body = header.get_mut(start..).unwrap_or_default();
    from.read_exact(body).await?;
    let parsed = v2::Header::try_from(&*header).map_err(|_| ProxyError::Malformed)?;
    if matches!(parsed.command, v2::Command::Local) {
        return Ok(None);
    }
    // An SMTP client speaks TCP, and a header whose parts do not fit together is of no one who can
    // be trusted with the client's name.
    if matches!(parsed.protocol, v2::Protocol::Datagram) || parsed.tlvs().any(|tlv| tlv.is_err()) {
        return Err(ProxyError::Malformed);
    }
    match parsed.addresses {
        v2::Addresses::IPv4(pair) => Ok(Some(v4(pair.source_address, pair.source_port))),
        v2::Addresses::IPv6(pair) => Ok(Some(v6(pair.source_address, pair.source_port))),
        v2::Addresses::Unspecified => Ok(None),
        v2::Addresses::Unix(_) => Err(ProxyError::Malformed),
    }
}

fn v4(address: std::net::Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddrV4::new(address, port).into()
}

fn v6(address: std::net::Ipv6Addr, port: u16) -> SocketAddr {
    SocketAddrV6::new(address, port, 0, 0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, usize) {
        let mut from = bytes;
        let result = read_header(&mut from).await;
        (result, from.len())
    }

    fn v2_header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        header.extend_from_slice(body);
        header
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_rest_unread() {
        let (client, rest) = read(b"PROXY TCP4 192.0.2.1 10.0.0.1 5555 587\r\nEHLO x\r\n").await;
        assert_eq!(client.unwrap(), Some("192.0.2.1:5555".parse().unwrap()));
        assert_eq!(rest, 8);
        let (client, _) = read(b"PROXY TCP6 2001:db8::1 ::1 5555 587\r\n").await;
        assert_eq!(client.unwrap(), Some("[2001:db8::1]:5555".parse().unwrap()));
        let mut v2 = v2_header(1, 0x11, &[192, 0, 2, 1, 10, 0, 0, 1, 0x15, 0xb3, 2, 0x4b]);
        v2.extend_from_slice(b"EHLO");
        let (client, rest) = read(&v2).await;
        assert_eq!(client.unwrap(), Some("192.0.2.1:5555".parse().unwrap()));
        assert_eq!(rest, 4);
    }

    #[tokio::test]
    async fn a_load_balancer_may_speak_for_itself() {
        assert_eq!(read(b"PROXY UNKNOWN\r\n").await.0.unwrap(), None);
        assert_eq!(read(&v2_header(0, 0, &[])).await.0.unwrap(), None);
    }

    const PAIR: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x15, 0xb3, 2, 0x4b];

    #[tokio::test]
    async fn extensions_are_passed_over_where_they_end_with_the_header() {
        let client = Some("192.0.2.1:5555".parse().unwrap());
        // NOOP of two octets, an empty one, and one that fills the header.
        for sound in [&[4, 0, 2, 1, 2][..], &[4, 0, 0], &[4, 0, 0, 1, 0, 1, 7]] {
            let header = v2_header(1, 0x11, &[&PAIR[..], sound].concat());
            assert_eq!(read(&header).await.0.unwrap(), client, "{sound:?}");
        }
        for broken in [
            &[4][..],
            &[4, 0],
            &[4, 0, 1],
            &[4, 0xff, 0xff, 1],
            &[4, 0, 0, 4, 0, 9],
        ] {
            let header = v2_header(1, 0x11, &[&PAIR[..], broken].concat());
            let refused = read(&header).await.0;
            assert!(matches!(refused, Err(ProxyError::Malformed)), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn udp_is_refused() {
        let v4 = v2_header(1, 0x12, &PAIR);
        let v6 = v2_header(1, 0x22, &[0; 36]);
        for header in [v4, v6] {
            let refused = read(&header).await.0;
            assert!(matches!(refused, Err(ProxyError::Malformed)), "{header:?}");
        }
        // A health check says nothing of a client, so nothing of how one came.
        assert_eq!(read(&v2_header(0, 0x12, &PAIR)).await.0.unwrap(), None);
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        for bytes in [
            &b"EHLO client.contoso.test\r\n"[..],
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY TCP4 192.0.2.999 10.0.0.1 5555 587\r\n",
            b"PROXY",
            &[b'P'; 300],
            &[b"PROXY TCP4 ".as_slice(), &[b'1'; 300]].concat(),
            &v2_header(1, 0x11, &[1, 2, 3]),
            &v2_header(1, 0x31, &[0; 216]),
            &v2_header(1, 0x11, &[0; 4000]),
        ] {
            assert!(read(bytes).await.0.is_err(), "{bytes:?}");
        }
    }
}
