import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, type Examples, evidenceBy } from '../evidence.ts'

/** Every device proves itself with a certificate that is bound to its name. */
export const twAth02: Control = {
  id: 'TW-ATH-02',
  title: 'Devices authenticate with X.509',
  severity: 'high',
  serves: ['C17'],
  recommendation: 'Use X.509 certificates to authenticate your devices to IoT Hub or IoT Central',
  fix: 'Give the named devices a certificate and switch their authentication to it.',
  expected: 'All devices authenticate with a certificate whose subject is the device.',
  minimumAssurance: 'observed',
  needs: ['registry'],
  judge(evidence) {
    const registries = evidenceBy('registry', evidence)
    const seen = registries[0]?.observed
    if (registries.length === 1 && seen?.devices === 0 && seen.byWebhook.count === 0)
      return { verdict: 'na', reason: 'No device is registered.', findings: [], capped: false }
    return conclude(
      registries.flatMap(judgeRegistry),
      `All ${seen?.devices ?? 0} devices authenticate with a certificate bound to their name.`,
    )
  },
}

function judgeRegistry(entry: EvidenceOf<'registry'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { devices, symmetric, mismatched, pinnedWithoutExpiry, neverConnected, byWebhook } = entry.observed
  const rulings: Ruling[] = []
  const ofDevices = `of ${devices} devices`
  const each = (verdict: Ruling['verdict'], rule: string, found: Examples, what: string, of = ofDevices) => {
    if (found.count === 0) return
    const names = `${found.examples.slice(0, 3).join(', ')}${found.count > 3 ? ', ...' : ''}`
    const reason = `${found.count} ${of} ${what}: ${names}.`
    rulings.push({
      verdict,
      rule,
      subject: entry.subject,
      reason,
      observed: found.examples.join(', '),
      capped: verdict === 'pass',
      evidence: [entry.id],
    })
  }
  each('fail', 'symmetric-key', symmetric, 'authenticate with a shared key')
  each('fail', 'unbound', mismatched, 'showed a certificate that is not bound to their name')
  each('fail', 'pinned-without-expiry', pinnedWithoutExpiry, 'hold a pinned certificate without an end')
  each('unknown', 'by-webhook', byWebhook, 'let in by a webhook, on grounds that only it knows', 'other clients were')
  // A device that never connected has not shown how it authenticates: unknown alone, a capped pass among devices that have.
  each(devices > 0 && neverConnected.count >= devices ? 'unknown' : 'pass', 'never-connected', neverConnected, 'have not connected yet')
  return rulings.length > 0 ? rulings : [fullPass('x509', 'all devices use certificates', entry)]
}
