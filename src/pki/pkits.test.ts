import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { instant } from '#base'
import { openForeignTrust } from './index.ts'

/*
 * NIST's path validation test suite (PKITS 1.0.1), by the numbers of its document. What a test wants of revocation lists is left to the tests of
 * revocation: here every path is verified without them. Left out, with the reason:
 *   4.1.4-5             DSA: an algorithm that we do not rely on, so "valid" is refused
 *   4.2.3, 4.2.8        dates written as RFC 5280 forbids (GeneralizedTime before 2050), refused as malformed
 *   4.3.3-6, 4.3.10-11  names that differ in case, white space or string type: chaining compares bytes, stricter than RFC 5280 section 7.1
 *   4.4, 4.14, 4.15     revocation lists
 *   4.5.6-8, 4.7.4-5    keys of revocation lists
 *   4.8 to 4.12         certificate policies: nothing here asks for one, and critical policy extensions are refused as not understood
 *   4.1.2, 4.1.6 and 4.2.7 are refused before a signature or a date is looked at: their encoding is not strict
 *   4.16.1              passed over: it is a test of 4.1.1 besides
 */

const place = '/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data/certs'
const skip = existsSync(place) ? false : 'needs the package python3-cryptography-vectors'
const der = (name: string) => readFileSync(`${place}/${name}.crt`)
const at = instant(Date.UTC(2020, 0, 1))

/** `verdict` is `accepted` or the code of the refusal; `by` are the intermediates, nearest to the leaf first. */
type Row = readonly [number: string, verdict: string, leaf: string, ...by: readonly string[]]

const dn = (number: number, valid: boolean, ...by: readonly string[]): Row => [
  `4.13.${number}`,
  valid ? 'accepted' : 'pki/name-not-permitted',
  `${valid ? 'Valid' : 'Invalid'}DNnameConstraintsTest${number}EE`,
  ...by,
]
const named = (form: string, number: number, valid: boolean, ...by: readonly string[]): Row => [
  `4.13.${number}`,
  valid ? 'accepted' : 'pki/name-not-permitted',
  `${valid ? 'Valid' : 'Invalid'}${form}nameConstraintsTest${number}EE`,
  ...by,
]
const length = (number: number, valid: boolean, ...by: readonly string[]): Row => [
  `4.6.${number}`,
  valid ? 'accepted' : 'pki/path-too-long',
  `${valid ? 'Valid' : 'Invalid'}pathLenConstraintTest${number}EE`,
  ...by,
]

const rows: readonly Row[] = [
  ['4.1.1', 'accepted', 'ValidCertificatePathTest1EE', 'GoodCACert'],
  ['4.1.2', 'x509/malformed', 'InvalidCASignatureTest2EE', 'BadSignedCACert'],
  ['4.1.3', 'pki/bad-signature', 'InvalidEESignatureTest3EE', 'GoodCACert'],
  ['4.1.6', 'x509/malformed', 'InvalidDSASignatureTest6EE', 'DSACACert'],
  ['4.2.1', 'pki/issuer-not-valid', 'InvalidCAnotBeforeDateTest1EE', 'BadnotBeforeDateCACert'],
  ['4.2.2', 'pki/not-yet-valid', 'InvalidEEnotBeforeDateTest2EE', 'GoodCACert'],
  ['4.2.5', 'pki/issuer-not-valid', 'InvalidCAnotAfterDateTest5EE', 'BadnotAfterDateCACert'],
  ['4.2.6', 'pki/expired', 'InvalidEEnotAfterDateTest6EE', 'GoodCACert'],
  ['4.2.7', 'x509/malformed', 'Invalidpre2000UTCEEnotAfterDateTest7EE', 'GoodCACert'],
  ['4.3.1', 'pki/unknown-issuer', 'InvalidNameChainingTest1EE', 'GoodCACert'],
  ['4.3.2', 'pki/unknown-issuer', 'InvalidNameChainingOrderTest2EE', 'NameOrderingCACert'],
  ['4.3.7', 'accepted', 'ValidRFC3280MandatoryAttributeTypesTest7EE', 'RFC3280MandatoryAttributeTypesCACert'],
  ['4.3.8', 'accepted', 'ValidRFC3280OptionalAttributeTypesTest8EE', 'RFC3280OptionalAttributeTypesCACert'],
  ['4.3.9', 'accepted', 'ValidUTF8StringEncodedNamesTest9EE', 'UTF8StringEncodedNamesCACert'],
  ['4.5.1', 'accepted', 'ValidBasicSelfIssuedOldWithNewTest1EE', 'BasicSelfIssuedNewKeyOldWithNewCACert', 'BasicSelfIssuedNewKeyCACert'],
  ['4.5.3', 'accepted', 'ValidBasicSelfIssuedNewWithOldTest3EE', 'BasicSelfIssuedOldKeyNewWithOldCACert', 'BasicSelfIssuedOldKeyCACert'],
  ['4.6.1', 'pki/issuer-not-ca', 'InvalidMissingbasicConstraintsTest1EE', 'MissingbasicConstraintsCACert'],
  ['4.6.2', 'pki/issuer-not-ca', 'InvalidcAFalseTest2EE', 'basicConstraintsCriticalcAFalseCACert'],
  ['4.6.3', 'pki/issuer-not-ca', 'InvalidcAFalseTest3EE', 'basicConstraintsNotCriticalcAFalseCACert'],
  ['4.6.4', 'accepted', 'ValidbasicConstraintsNotCriticalTest4EE', 'basicConstraintsNotCriticalCACert'],
  length(5, false, 'pathLenConstraint0subCACert', 'pathLenConstraint0CACert'),
  length(7, true, 'pathLenConstraint0CACert'),
  length(9, false, 'pathLenConstraint6subsubCA00Cert', 'pathLenConstraint6subCA0Cert', 'pathLenConstraint6CACert'),
  length(
    11,
    false,
    'pathLenConstraint6subsubsubCA11XCert',
    'pathLenConstraint6subsubCA11Cert',
    'pathLenConstraint6subCA1Cert',
    'pathLenConstraint6CACert',
  ),
  length(
    13,
    true,
    'pathLenConstraint6subsubsubCA41XCert',
    'pathLenConstraint6subsubCA41Cert',
    'pathLenConstraint6subCA4Cert',
    'pathLenConstraint6CACert',
  ),
  ['4.6.15', 'accepted', 'ValidSelfIssuedpathLenConstraintTest15EE', 'pathLenConstraint0SelfIssuedCACert', 'pathLenConstraint0CACert'],
  [
    '4.6.16',
    'pki/path-too-long',
    'InvalidSelfIssuedpathLenConstraintTest16EE',
    'pathLenConstraint0subCA2Cert',
    'pathLenConstraint0SelfIssuedCACert',
    'pathLenConstraint0CACert',
  ],
  [
    '4.6.17',
    'accepted',
    'ValidSelfIssuedpathLenConstraintTest17EE',
    'pathLenConstraint1SelfIssuedsubCACert',
    'pathLenConstraint1subCACert',
    'pathLenConstraint1SelfIssuedCACert',
    'pathLenConstraint1CACert',
  ],
  ['4.7.1', 'pki/issuer-not-ca', 'InvalidkeyUsageCriticalkeyCertSignFalseTest1EE', 'keyUsageCriticalkeyCertSignFalseCACert'],
  ['4.7.2', 'pki/issuer-not-ca', 'InvalidkeyUsageNotCriticalkeyCertSignFalseTest2EE', 'keyUsageNotCriticalkeyCertSignFalseCACert'],
  ['4.7.3', 'accepted', 'ValidkeyUsageNotCriticalTest3EE', 'keyUsageNotCriticalCACert'],
  dn(1, true, 'nameConstraintsDN1CACert'),
  dn(2, false, 'nameConstraintsDN1CACert'),
  dn(3, false, 'nameConstraintsDN1CACert'),
  dn(4, true, 'nameConstraintsDN1CACert'),
  dn(5, true, 'nameConstraintsDN2CACert'),
  dn(6, true, 'nameConstraintsDN3CACert'),
  dn(7, false, 'nameConstraintsDN3CACert'),
  dn(8, false, 'nameConstraintsDN4CACert'),
  dn(9, false, 'nameConstraintsDN4CACert'),
  dn(10, false, 'nameConstraintsDN5CACert'),
  dn(11, true, 'nameConstraintsDN5CACert'),
  dn(12, false, 'nameConstraintsDN1subCA1Cert', 'nameConstraintsDN1CACert'),
  dn(13, false, 'nameConstraintsDN1subCA2Cert', 'nameConstraintsDN1CACert'),
  dn(14, true, 'nameConstraintsDN1subCA2Cert', 'nameConstraintsDN1CACert'),
  dn(15, false, 'nameConstraintsDN3subCA1Cert', 'nameConstraintsDN3CACert'),
  dn(16, false, 'nameConstraintsDN3subCA1Cert', 'nameConstraintsDN3CACert'),
  dn(17, false, 'nameConstraintsDN3subCA2Cert', 'nameConstraintsDN3CACert'),
  dn(18, true, 'nameConstraintsDN3subCA2Cert', 'nameConstraintsDN3CACert'),
  dn(19, true, 'nameConstraintsDN1SelfIssuedCACert', 'nameConstraintsDN1CACert'),
  dn(20, false, 'nameConstraintsDN1CACert'),
  named('RFC822', 21, true, 'nameConstraintsRFC822CA1Cert'),
  named('RFC822', 22, false, 'nameConstraintsRFC822CA1Cert'),
  named('RFC822', 23, true, 'nameConstraintsRFC822CA2Cert'),
  named('RFC822', 24, false, 'nameConstraintsRFC822CA2Cert'),
  named('RFC822', 25, true, 'nameConstraintsRFC822CA3Cert'),
  named('RFC822', 26, false, 'nameConstraintsRFC822CA3Cert'),
  named('DNandRFC822', 27, true, 'nameConstraintsDN1subCA3Cert', 'nameConstraintsDN1CACert'),
  named('DNandRFC822', 28, false, 'nameConstraintsDN1subCA3Cert', 'nameConstraintsDN1CACert'),
  named('DNandRFC822', 29, false, 'nameConstraintsDN1subCA3Cert', 'nameConstraintsDN1CACert'),
  named('DNS', 30, true, 'nameConstraintsDNS1CACert'),
  named('DNS', 31, false, 'nameConstraintsDNS1CACert'),
  named('DNS', 32, true, 'nameConstraintsDNS2CACert'),
  named('DNS', 33, false, 'nameConstraintsDNS2CACert'),
  named('URI', 34, true, 'nameConstraintsURI1CACert'),
  named('URI', 35, false, 'nameConstraintsURI1CACert'),
  named('URI', 36, true, 'nameConstraintsURI2CACert'),
  named('URI', 37, false, 'nameConstraintsURI2CACert'),
  named('DNS', 38, false, 'nameConstraintsDNS1CACert'),
  ['4.16.2', 'x509/unknown-critical-extension', 'InvalidUnknownCriticalCertificateExtensionTest2EE'],
]

for (const [number, verdict, leaf, ...by] of rows)
  test(`PKITS ${number} ${leaf}: ${verdict}`, { skip }, () => {
    const trust = openForeignTrust([der('TrustAnchorRootCertificate')], [])
    assert(trust.ok)
    const verified = trust.value.verify([leaf, ...by].map(der), at)
    assert.equal(verified.ok ? 'accepted' : verified.error.code, verdict)
  })
