import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { parseCertificate } from '#wire/x509'
import { temporaryDirectory } from '../../../test/throwaway-pki.ts'
import { isSameName, isSubject, parseSubjectName } from './subject-name.ts'

const read = (text: string) => {
  const parsed = parseSubjectName(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

const same: readonly (readonly [string, string, boolean])[] = [
  ['CN = Contoso Root CA Cert, OU = Engineering, C = US', 'CN=Contoso Root CA Cert,OU=Engineering,C=US', true],
  ['cn = pump', '2.5.4.3=pump', true],
  ['O = Pumps\\, Valves and Co', 'O=Pumps\\, Valves and Co', true],
  ['CN = a, O = b', 'O = b, CN = a', false],
  ['CN = a', 'CN = A', false],
  ['CN = a', 'CN = a, O = b', false],
  ['CN = a\\\\', 'CN = a', false],
]
for (const [one, other, expected] of same)
  test(`the names "${one}" and "${other}" are ${expected ? '' : 'not '}the same (edge.md 1.6, 7)`, () =>
    assert.equal(isSameName(read(one), read(other)), expected))

for (const text of ['', 'pump-1', 'CN =', 'XX = a', 'CN = a,', '= a', `CN = ${'a'.repeat(3_000)}`, 'CN = a,'.repeat(40)])
  test(`"${text.slice(0, 20)}" is refused as a subject`, () => {
    const parsed = parseSubjectName(text)
    assert.equal(parsed.ok ? '' : parsed.error.code, 'access/subject-malformed')
  })

test('a name as openssl prints it equals the subject that it printed it from', async () => {
  await using folder = await temporaryDirectory()
  const run = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder.path, stdio: ['ignore', 'pipe', 'ignore'] })
  const subjects = [
    '/C=DE/ST=Sachsen/O=Pumps, Valves/OU=Line 7/CN=pump 1',
    '/DC=example/DC=plant/UID=u7/CN=Müller',
    '/CN=only/emailAddress=a@b.example',
  ]
  for (const subject of subjects) {
    run(
      'req',
      '-x509',
      '-utf8',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      subject,
      '-keyout',
      'k',
      '-outform',
      'DER',
      '-out',
      'c.der',
    )
    const printed = run(
      'x509',
      '-inform',
      'DER',
      '-in',
      'c.der',
      '-noout',
      '-subject',
      '-nameopt',
      'utf8,sep_comma_plus_space,sname,space_eq,-esc_msb',
    ).toString()
    const certificate = parseCertificate(run('x509', '-inform', 'DER', '-in', 'c.der', '-outform', 'DER'))
    assert.ok(certificate.ok)
    const text = printed
      .replace(/^subject=\s*/, '')
      .trim()
      .replace('Pumps, Valves', 'Pumps\\, Valves')
    assert.ok(isSubject(certificate.value.subject, read(text)), text)
    assert.ok(!isSubject(certificate.value.subject, read(`${text}, O = more`)))
  }
})

test('a place with several attributes equals no list: nobody could say which belong together', async () => {
  await using folder = await temporaryDirectory()
  execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -multivalue-rdn -subj /CN=a+O=b -keyout k -outform DER -out c.der'.split(
      ' ',
    ),
    { cwd: folder.path, stdio: 'ignore' },
  )
  const certificate = parseCertificate(
    execFileSync('openssl', ['x509', '-inform', 'DER', '-in', 'c.der', '-outform', 'DER'], { cwd: folder.path }),
  )
  assert.ok(certificate.ok)
  assert.ok(!isSubject(certificate.value.subject, read('CN = a, O = b')))
  assert.ok(!isSubject(certificate.value.subject, read('O = b, CN = a')))
})
