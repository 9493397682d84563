import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, evidenceBy } from '../evidence.ts'

/** What was written through the API cannot be read in the files of the data directory, and the key is not beside them. */
export const twDar01: Control = {
  id: 'TW-DAR-01',
  title: 'Data at rest encrypted',
  severity: 'high',
  serves: ['C16'],
  recommendation: 'Encrypt data at rest',
  fix: 'Turn the encryption of store and journal on, move the key out of the data directory (or protect it by a passphrase), encrypt the swap.',
  expected: 'A canary written through the API is nowhere in the raw files, the key is sealed or elsewhere, and swap is encrypted or off.',
  minimumAssurance: 'observed',
  needs: ['canary', 'key-location', 'volumes'],
  judge(evidence) {
    const canaries = evidenceBy('canary', evidence)
    const files = canaries[0]?.observed?.files ?? 0
    const bytes = canaries[0]?.observed?.searchedBytes ?? 0
    return conclude(
      [
        ...canaries.flatMap(judgeCanary),
        ...evidenceBy('key-location', evidence).flatMap(judgeKey),
        ...evidenceBy('volumes', evidence).flatMap(judgeVolumes),
      ],
      `A fresh canary was not found in ${files} files (${bytes} bytes searched).`,
    )
  },
}

function judgeCanary(entry: EvidenceOf<'canary'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { found, complete, searchedBytes, bytes } = entry.observed
  const base = { subject: entry.subject, evidence: [entry.id] }
  if (found.length > 0) {
    const places = found.slice(0, 3).map(({ file, encoding }) => `${file} (${encoding})`)
    return [
      {
        ...base,
        verdict: 'fail',
        rule: 'canary-found',
        reason: `The canary stands in clear in ${places.join(', ')}.`,
        observed: places.join(', '),
      },
    ]
  }
  if (!complete)
    return [
      {
        ...base,
        verdict: 'unknown',
        rule: 'canary-partial',
        reason: `Only ${searchedBytes} of ${bytes} bytes could be searched for the canary in time.`,
      },
    ]
  return [fullPass('canary', 'canary not found', entry)]
}

function judgeKey(entry: EvidenceOf<'key-location'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { kind, insideDataDirectory, mode } = entry.observed
  const base = { subject: entry.subject, evidence: [entry.id], observed: kind }
  if (mode !== null && (mode & 0o077) !== 0)
    return [
      {
        ...base,
        verdict: 'fail',
        rule: 'key-readable',
        reason: `Other users of this host may read the key file (mode ${mode.toString(8)}).`,
      },
    ]
  if (kind !== 'plain-file') return [fullPass('key', 'the key is sealed', entry)]
  if (insideDataDirectory)
    return [{ ...base, verdict: 'fail', rule: 'key-beside-data', reason: 'The root key is a plain file inside the data directory.' }]
  return [
    {
      ...base,
      verdict: 'pass',
      capped: true,
      rule: 'key-plain',
      reason: 'The root key is a plain file outside the data directory; a passphrase file or a TPM would seal it.',
    },
  ]
}

function judgeVolumes(entry: EvidenceOf<'volumes'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { data, swap } = entry.observed
  const base = { subject: entry.subject, evidence: [entry.id] }
  const rulings: Ruling[] = []
  if (swap === 'clear')
    rulings.push({
      ...base,
      verdict: 'fail',
      rule: 'swap-clear',
      severity: 'medium',
      reason: 'The swap of this host is not encrypted: keys in memory may reach the disk.',
      observed: 'clear swap',
    })
  if (swap === 'unknown')
    rulings.push({ ...base, verdict: 'pass', capped: true, rule: 'swap-unseen', reason: 'Whether swap is encrypted could not be told.' })
  // Store and journal are encrypted by the hub itself, so a clear volume alone exposes no data; it only costs the full pass.
  if (data !== 'encrypted')
    rulings.push({
      ...base,
      verdict: 'pass',
      capped: true,
      rule: 'volume',
      reason:
        data === 'clear'
          ? 'The volume below the data directory is not encrypted itself.'
          : 'Whether the volume is encrypted could not be told.',
      observed: data,
    })
  return rulings.length > 0 ? rulings : [fullPass('volumes', 'volume and swap are encrypted', entry)]
}
