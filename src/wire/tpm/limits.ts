/** Bounds on what the reader takes. Everything that a TPM makes for us is far smaller. */
export const limits = {
  /** Bytes of one structure. A public area with an RSA 4096 key has about 600. */
  structureBytes: 4_096,
  /** Bytes of one sized part (TPM2B). */
  partBytes: 2_048,
  /** Banks in one selection of registers (TPML_PCR_SELECTION). */
  banks: 16,
  /** Bytes of the bit map of one bank; 3 are 24 registers (PC Client profile). */
  bankBytes: 4,
  /** Bytes of the nonce in an attestation (TPM2B_DATA holds a TPMT_HA). */
  nonceBytes: 66,
} as const
