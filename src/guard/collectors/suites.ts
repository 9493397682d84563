/*
 * The TLS 1.2 cipher suites that nobody should accept any more, by code point (IANA TLS Cipher Suites registry).
 * Strong ones (ephemeral elliptic-curve key exchange with authenticated encryption) are not here, so a server that
 * picks anything out of this table is weak, whatever its reason.
 */
const weak: readonly (readonly [number, string])[] = [
  // No encryption at all.
  [0x0001, 'RSA_WITH_NULL_MD5'],
  [0x0002, 'RSA_WITH_NULL_SHA'],
  [0x003b, 'RSA_WITH_NULL_SHA256'],
  [0xc006, 'ECDHE_ECDSA_WITH_NULL_SHA'],
  [0xc010, 'ECDHE_RSA_WITH_NULL_SHA'],
  [0xc015, 'ECDH_anon_WITH_NULL_SHA'],
  // Export grade and single DES.
  [0x0003, 'RSA_EXPORT_WITH_RC4_40_MD5'],
  [0x0006, 'RSA_EXPORT_WITH_RC2_CBC_40_MD5'],
  [0x0008, 'RSA_EXPORT_WITH_DES40_CBC_SHA'],
  [0x0014, 'DHE_RSA_EXPORT_WITH_DES40_CBC_SHA'],
  [0x0009, 'RSA_WITH_DES_CBC_SHA'],
  [0x0015, 'DHE_RSA_WITH_DES_CBC_SHA'],
  // RC4.
  [0x0004, 'RSA_WITH_RC4_128_MD5'],
  [0x0005, 'RSA_WITH_RC4_128_SHA'],
  [0xc007, 'ECDHE_ECDSA_WITH_RC4_128_SHA'],
  [0xc011, 'ECDHE_RSA_WITH_RC4_128_SHA'],
  [0xc016, 'ECDH_anon_WITH_RC4_128_SHA'],
  // Triple DES.
  [0x000a, 'RSA_WITH_3DES_EDE_CBC_SHA'],
  [0x0016, 'DHE_RSA_WITH_3DES_EDE_CBC_SHA'],
  [0xc008, 'ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA'],
  [0xc012, 'ECDHE_RSA_WITH_3DES_EDE_CBC_SHA'],
  // Anonymous: nobody proves anything.
  [0x0018, 'DH_anon_WITH_RC4_128_MD5'],
  [0x001b, 'DH_anon_WITH_3DES_EDE_CBC_SHA'],
  [0x0034, 'DH_anon_WITH_AES_128_CBC_SHA'],
  [0x003a, 'DH_anon_WITH_AES_256_CBC_SHA'],
  [0x006c, 'DH_anon_WITH_AES_128_CBC_SHA256'],
  [0x006d, 'DH_anon_WITH_AES_256_CBC_SHA256'],
  [0x00a6, 'DH_anon_WITH_AES_128_GCM_SHA256'],
  [0x00a7, 'DH_anon_WITH_AES_256_GCM_SHA384'],
  [0xc018, 'ECDH_anon_WITH_AES_128_CBC_SHA'],
  [0xc019, 'ECDH_anon_WITH_AES_256_CBC_SHA'],
  // Static RSA: no forward secrecy.
  [0x002f, 'RSA_WITH_AES_128_CBC_SHA'],
  [0x0035, 'RSA_WITH_AES_256_CBC_SHA'],
  [0x003c, 'RSA_WITH_AES_128_CBC_SHA256'],
  [0x003d, 'RSA_WITH_AES_256_CBC_SHA256'],
  [0x009c, 'RSA_WITH_AES_128_GCM_SHA256'],
  [0x009d, 'RSA_WITH_AES_256_GCM_SHA384'],
  [0xc09c, 'RSA_WITH_AES_128_CCM'],
  [0xc09d, 'RSA_WITH_AES_256_CCM'],
  [0x0041, 'RSA_WITH_CAMELLIA_128_CBC_SHA'],
  [0x0084, 'RSA_WITH_CAMELLIA_256_CBC_SHA'],
  [0x0096, 'RSA_WITH_SEED_CBC_SHA'],
  // CBC with ephemeral keys.
  [0x0033, 'DHE_RSA_WITH_AES_128_CBC_SHA'],
  [0x0039, 'DHE_RSA_WITH_AES_256_CBC_SHA'],
  [0x0067, 'DHE_RSA_WITH_AES_128_CBC_SHA256'],
  [0x006b, 'DHE_RSA_WITH_AES_256_CBC_SHA256'],
  [0xc009, 'ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
  [0xc00a, 'ECDHE_ECDSA_WITH_AES_256_CBC_SHA'],
  [0xc013, 'ECDHE_RSA_WITH_AES_128_CBC_SHA'],
  [0xc014, 'ECDHE_RSA_WITH_AES_256_CBC_SHA'],
  [0xc023, 'ECDHE_ECDSA_WITH_AES_128_CBC_SHA256'],
  [0xc024, 'ECDHE_ECDSA_WITH_AES_256_CBC_SHA384'],
  [0xc027, 'ECDHE_RSA_WITH_AES_128_CBC_SHA256'],
  [0xc028, 'ECDHE_RSA_WITH_AES_256_CBC_SHA384'],
  // Finite-field ephemeral keys: outside the list that the hub allows, and the group is the server's whim.
  [0x009e, 'DHE_RSA_WITH_AES_128_GCM_SHA256'],
  [0x009f, 'DHE_RSA_WITH_AES_256_GCM_SHA384'],
  [0xccaa, 'DHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
  // Authenticated, but with a tag of eight bytes.
  [0xc0ae, 'ECDHE_ECDSA_WITH_AES_128_CCM_8'],
  [0xc0af, 'ECDHE_ECDSA_WITH_AES_256_CCM_8'],
]

/** Names of the weak suites by code point. */
export const weakSuites: ReadonlyMap<number, string> = new Map(weak)

/** Code points of the suites that a good server accepts in TLS 1.2: ECDHE with AES-GCM or ChaCha20-Poly1305. */
export const strongSuites: readonly number[] = [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca9, 0xcca8]

/** Curves of less than 128 bits of strength (IANA TLS Supported Groups), by code point. */
export const weakGroups: ReadonlyMap<number, string> = new Map([
  [16, 'secp160r1'],
  [18, 'secp192k1'],
  [19, 'secp192r1'],
  [20, 'secp224k1'],
  [21, 'secp224r1'],
])

/** Curves that any server of today shares with us: X25519, P-256, P-384, P-521. */
export const strongGroups: readonly number[] = [29, 23, 24, 25]

/** Signature schemes with SHA-1: rsa_pkcs1_sha1, ecdsa_sha1. */
export const sha1Schemes: readonly number[] = [0x0201, 0x0203]

/** Signature schemes with SHA-256 or better that a server with an RSA, ECDSA or Ed25519 key can choose. */
export const strongSchemes: readonly number[] = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807]
