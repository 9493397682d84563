const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g

/** The certificates of a PEM text, each as a PEM text of its own. */
export function decodePemAll(pem: string): readonly string[] {
  return pem.match(block) ?? []
}
