use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
/// Shorter RSA keys can be broken (NIST SP 800-131A).
const SHORTEST_RSA_BITS: usize = 2048;
/// The DER of an RSA public key of that length has 268 to 270 bytes, by its exponent. What is shorter by a few bits
/// only is refused by aws-lc at each signature.
const SHORTEST_RSA_DER: usize = 268;

/// A key that checks signatures, with the algorithms that it is for.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl VerifyingKey {
    fn new(algorithms: &[Algorithm], key: DecodingKey) -> Self {
        Self { kid: None, algorithms: algorithms.to_vec(), key }
    }

    pub(super) fn of_secret(secret: &str) -> Self {
        Self::new(&[Algorithm::HS256], DecodingKey::from_secret(secret.as_bytes()))
    }

    /// # Errors
    /// Why the text cannot be used, for a person.
    pub(super) fn of_pem(pem: &str) -> Result<Self, &'static str> {
        let pem = pem.as_bytes();
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            let is_long = key.try_get_as_bytes().is_ok_and(|der| der.len() >= SHORTEST_RSA_DER);
            return if is_long { Ok(Self::new(RSA, key)) } else { Err("its RSA key has fewer than 2048 bits") };
        }
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            // A point is written as one byte and its two coordinates.
            return match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
                65 => Ok(Self::new(&[Algorithm::ES256], key)),
                97 => Ok(Self::new(&[Algorithm::ES384], key)),
                _ => Err("its curve is neither P-256 nor P-384"),
            };
        }
        let key = DecodingKey::from_ed_pem(pem).map_err(|_| "it holds no RSA, EC or Ed25519 public key")?;
        Ok(Self::new(&[Algorithm::EdDSA], key))
    }

    pub(super) fn key(&self) -> &DecodingKey {
        &self.key
    }

    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether a token with this header may be signed with this key. Without a `kid` it may be with any.
    pub(super) fn is_for(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.fits(algorithm) && kid.is_none_or(|kid| self.kid.as_deref() == Some(kid))
    }
}

/// The keys of a key set (RFC 7517) that tokens can be checked with. Others are passed over, as section 5 asks; none is
/// what an issuer publishes that withdrew them all.
///
/// # Errors
/// When the text is no key set.
pub(super) fn usable_keys(json: &[u8]) -> Result<Vec<VerifyingKey>, &'static str> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(json).map_err(|_| "it is no JSON object with keys")?;
    Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.into_key()).collect())
}

/// A JSON Web Key, as far as it says how signatures are checked.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn into_key(self) -> Option<VerifyingKey> {
        let Self { kty, kid, purpose, key_ops, alg, crv, n, e, x, y } = self;
        let for_encryption = purpose.is_some_and(|purpose| purpose != "sig");
        if for_encryption || key_ops.is_some_and(|operations| !operations.iter().any(|name| name == "verify")) {
            return None;
        }
        let ec = |algorithm| Some((vec![algorithm], DecodingKey::from_ec_components(x.as_ref()?, y.as_ref()?).ok()?));
        let (mut algorithms, key) = match (kty.as_str(), crv.as_deref()) {
            ("RSA", _) => (RSA.to_vec(), rsa(&n?, &e?)?),
            ("EC", Some("P-256")) => ec(Algorithm::ES256)?,
            ("EC", Some("P-384")) => ec(Algorithm::ES384)?,
            ("OKP", Some("Ed25519")) => (vec![Algorithm::EdDSA], DecodingKey::from_ed_components(x.as_ref()?).ok()?),
            // `oct` among them: a secret that everybody can read checks nothing.
            _ => return None,
        };
        if let Some(alg) = alg {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == alg);
        }
        (!algorithms.is_empty()).then_some(VerifyingKey { kid, algorithms, key })
    }
}

fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let modulus = URL_SAFE_NO_PAD.decode(modulus).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(exponent).ok()?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let bits = (modulus.len() - first) * 8 - usize::try_from(modulus[first].leading_zeros()).ok()?;
    (bits >= SHORTEST_RSA_BITS).then(|| DecodingKey::from_rsa_raw_components(&modulus[first..], &exponent))
}
