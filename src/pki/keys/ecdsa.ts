/** SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480 section 2). */
const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')

/**
 * SubjectPublicKeyInfo from CKA_EC_POINT: an OCTET STRING around the uncompressed point (PKCS #11 2.40, 2.3.3), or the bare point, as some
 * tokens give it. Undefined for anything else.
 */
export function spkiOfPoint(attribute: Buffer): Buffer | undefined {
  const point = attribute.length === 67 && attribute[0] === 4 && attribute[1] === 65 ? attribute.subarray(2) : attribute
  return point.length === 65 && point[0] === 4 ? Buffer.concat([p256Prefix, point]) : undefined
}

/** The uncompressed point in a SubjectPublicKeyInfo of a P-256 key as CKA_EC_POINT has it. */
export function pointOfSpki(spki: Buffer): Buffer {
  return Buffer.concat([Buffer.from([4, 65]), spki.subarray(p256Prefix.length)])
}

/** ECDSA-Sig-Value (RFC 3279 section 2.2.3) from r || s, 32 bytes each, as tokens return it. Undefined for another length. */
export function derOfRawSignature(raw: Buffer): Buffer | undefined {
  if (raw.length !== 64) return undefined
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

function integer(number: Buffer): Buffer {
  let start = 0
  while (start < number.length - 1 && number[start] === 0) start++
  const digits = number.subarray(start)
  const sign = (digits[0] ?? 0) & 0x80 ? [0] : []
  return Buffer.concat([Buffer.from([2, digits.length + sign.length, ...sign]), digits])
}
