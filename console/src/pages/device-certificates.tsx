import { useMutation } from '@tanstack/react-query'
import { fetchRoot, issueCertificate } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import type { Certificate, DeviceDetail } from '../api/types.ts'
import { download, fileNameOf } from '../lib/files.ts'
import { date, dateTime, fingerprint, relative, toMs } from '../lib/format.ts'
import { zip } from '../lib/zip.ts'
import { Badge, Empty, Facts, Panel, ProblemNote } from '../ui/parts.tsx'
import { useNow } from '../ui/time.tsx'

const noCertificateWords = {
  certificateAuthority: 'No certificate was issued yet.',
  selfSigned: 'It brings a certificate of its own.',
  sas: 'It has shared keys, and no certificate.',
} as const

/** A leaf is renewed when two thirds of its life are over. */
const renewAt = 2 / 3

function LifeBar({ certificate, now }: { readonly certificate: Certificate; readonly now: number }) {
  const [from, until] = [toMs(certificate.notBefore), toMs(certificate.notAfter)]
  const spent = Math.min(1, Math.max(0, (now - from) / (until - from)))
  const renew = from + (until - from) * renewAt
  const tone = spent >= 1 ? 'bad' : spent >= renewAt ? 'warn' : 'ok'
  return (
    <div className="life">
      <div
        className={`life-bar life-${tone}`}
        role="img"
        aria-label={`${Math.round(spent * 100)} percent of its life are over; renewal is due ${relative(renew, now)}, it ends ${relative(until, now)}.`}
      >
        <span className="life-spent" style={{ width: `${spent * 100}%` }} />
        <span className="life-mark" style={{ left: `${renewAt * 100}%` }} />
      </div>
      <ol className="life-legend">
        <li>
          <span>issued</span>
          {date(from)}
        </li>
        <li style={{ left: `${renewAt * 100}%` }}>
          <span>renew</span>
          {date(renew)}
        </li>
        <li>
          <span>ends</span>
          {date(until)}
        </li>
      </ol>
    </div>
  )
}

function verdict(certificate: Certificate, now: number) {
  if (certificate.status === 'revoked') return <Badge tone="bad">revoked</Badge>
  if (certificate.status === 'expired' || toMs(certificate.notAfter) < now) return <Badge tone="bad">expired</Badge>
  return <Badge tone="ok">valid, ends {relative(certificate.notAfter, now)}</Badge>
}

/** The certificate in force with its life, the ones before it, and the way to a new one. */
export function CertificatePanel({ detail }: { readonly detail: DeviceDetail }) {
  const now = useNow()
  const { device } = detail
  const sorted = detail.certificates.toSorted((a, b) => toMs(b.notBefore) - toMs(a.notBefore))
  const current = sorted.find((each) => each.status === 'valid') ?? sorted[0]
  const older = sorted.filter((each) => each !== current)
  const issue = useMutation({
    mutationFn: async () => {
      const [issued, root] = await Promise.all([issueCertificate(device.id), fetchRoot()])
      const name = fileNameOf(device.id)
      const files = [
        { name: `${name}.cert.pem`, text: issued.certificatePem },
        ...(issued.privateKeyPem ? [{ name: `${name}.key.pem`, text: issued.privateKeyPem }] : []),
        { name: 'root.pem', text: root },
      ]
      download(`${name}.zip`, zip(files), 'application/zip')
      return files.length
    },
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ['device', device.id] }),
  })
  return (
    <Panel title="Certificate" aside={current === undefined ? undefined : verdict(current, now)}>
      {current === undefined ? (
        <Empty title={noCertificateWords[device.authentication.type]} />
      ) : (
        <>
          <LifeBar certificate={current} now={now} />
          <Facts
            pairs={[
              ['Subject', <code key="subject">{current.subject}</code>],
              ['Issuer', <code key="issuer">{current.issuer}</code>],
              ['Serial', <code key="serial">{current.serial}</code>],
              [
                'SHA-256',
                <code key="print" className="wrap-code">
                  {fingerprint(current.fingerprintSha256)}
                </code>,
              ],
              ...(current.revokedAt === undefined || current.revokedAt === null
                ? []
                : [['Revoked', `${dateTime(current.revokedAt)}${current.reason ? `, ${current.reason}` : ''}`] as const]),
            ]}
          />
        </>
      )}
      {device.authentication.type === 'certificateAuthority' ? (
        <p className="actions">
          <button type="button" className="button button-small" disabled={issue.isPending} onClick={() => issue.mutate()}>
            {issue.isPending ? 'Issuing…' : 'Issue a new certificate and key'}
          </button>
        </p>
      ) : null}
      {issue.error === null ? null : <ProblemNote error={issue.error} />}
      {issue.isSuccess ? <p className="hint">Downloaded. The private key is in that file only; the hub has not kept it.</p> : null}
      {older.length === 0 ? null : (
        <details className="more">
          <summary>{older.length} earlier</summary>
          <ul className="plain-list">
            {older.map((each) => (
              <li key={each.serial}>
                {verdict(each, now)} <code>{each.serial.slice(0, 16)}</code>{' '}
                <span className="quiet">
                  {date(each.notBefore)} to {date(each.notAfter)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  )
}
