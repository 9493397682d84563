import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { fetchDevices } from '../api/hub.ts'
import type { DeviceRow } from '../api/types.ts'
import { count, date, plural, relative, toMs } from '../lib/format.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Dot, Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { useNow } from '../ui/time.tsx'

const pageSize = 50
const soonMs = 7 * 86_400_000
const refreshMs = 5000
const authenticationWords = { certificateAuthority: 'issued by the hub', selfSigned: 'thumbprint', sas: 'shared keys' } as const

function Expiry({ row, now }: { readonly row: DeviceRow; readonly now: number }) {
  if (row.authentication.type === 'sas') return <span className="quiet">shared keys</span>
  if (row.authentication.type === 'selfSigned') return <span className="quiet">own certificate</span>
  if (row.certificate === null) return <span className="quiet">none issued here</span>
  const left = toMs(row.certificate.notAfter) - now
  if (left < 0) return <Badge tone="bad">expired {date(row.certificate.notAfter)}</Badge>
  return (
    <span title={date(row.certificate.notAfter)}>
      {left < soonMs ? <Badge tone="warn">{relative(row.certificate.notAfter, now)}</Badge> : relative(row.certificate.notAfter, now)}
    </span>
  )
}

function Rows({ rows }: { readonly rows: readonly DeviceRow[] }) {
  const now = useNow()
  return rows.map((row) => (
    <tr key={row.id}>
      <th scope="row">
        <Link to="/devices/$id" params={{ id: row.id }}>
          {row.id}
        </Link>
      </th>
      <td>
        <Dot on={row.connected}>{row.connected ? 'connected' : 'not connected'}</Dot>
      </td>
      <td>{row.status === 'enabled' ? <span className="quiet">enabled</span> : <Badge tone="warn">disabled</Badge>}</td>
      <td className="wide-only">{authenticationWords[row.authentication.type]}</td>
      <td>
        <Expiry row={row} now={now} />
      </td>
      <td className="quiet wide-only">{date(row.createdAt)}</td>
    </tr>
  ))
}

/** The fleet: search it, page through it, open a device, add more. */
export function DevicesPage() {
  const { search, status } = useSearch({ from: '/app/devices' })
  const navigate = useNavigate({ from: '/devices' })
  const [typed, setTyped] = useState(search ?? '')
  // Cursors of the pages before this one: the API only walks forward.
  const [trail, setTrail] = useState<readonly string[]>([])
  const after = trail.at(-1)

  useEffect(() => {
    const timer = setTimeout(() => {
      if (typed.trim() === (search ?? '')) return
      setTrail([])
      void navigate({
        search: (old) => ({
          ...(old.status === undefined ? {} : { status: old.status }),
          ...(typed.trim() === '' ? {} : { search: typed.trim() }),
        }),
        replace: true,
      })
    }, 250)
    return () => clearTimeout(timer)
  }, [typed, search, navigate])

  const query = useQuery({
    queryKey: ['devices', { after, search, status }],
    queryFn: () => fetchDevices({ after, limit: pageSize, search, status }),
    placeholderData: keepPreviousData,
    refetchInterval: refreshMs,
  })
  const page = query.data
  const narrowed = search !== undefined || status !== undefined
  const first = trail.length * pageSize + 1

  return (
    <div className="page">
      <PageHead title="Devices" lead={page === undefined ? 'Asking the hub…' : plural(page.total, narrowed ? 'matching device' : 'device')}>
        <Link to="/add" className="button button-main">
          Add devices
        </Link>
      </PageHead>
      <div className="toolbar" role="search" aria-label="Devices">
        <label className="inline-field grow">
          <span>Search</span>
          <input
            type="search"
            data-search=""
            value={typed}
            placeholder="part of a device id"
            spellCheck={false}
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
        <label className="inline-field">
          <span>Status</span>
          <select
            value={status ?? ''}
            onChange={(event) => {
              const chosen = event.target.value
              setTrail([])
              void navigate({
                search: (old) => ({
                  ...(old.search === undefined ? {} : { search: old.search }),
                  ...(chosen === 'enabled' || chosen === 'disabled' ? { status: chosen } : {}),
                }),
                replace: true,
              })
            }}
          >
            <option value="">any</option>
            <option value="enabled">enabled</option>
            <option value="disabled">disabled</option>
          </select>
        </label>
      </div>
      {query.error !== null && page === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {page === undefined && query.error === null ? <Skeleton rows={12} label="Loading devices" /> : null}
      {page !== undefined && page.devices.length === 0 ? (
        narrowed ? (
          <Empty title="No device matches.">
            <button
              type="button"
              className="button"
              onClick={() => {
                setTyped('')
                void navigate({ search: {}, replace: true })
              }}
            >
              Show all devices
            </button>
          </Empty>
        ) : (
          <Empty title="No device yet.">
            <p>
              <Link to="/add">Add one here</Link>, or type
            </p>
            <CodeBlock text="npx thingwall device add pump-1" what="command that adds a device" />
          </Empty>
        )
      ) : null}
      {page !== undefined && page.devices.length > 0 ? (
        <>
          <div className="table-frame" tabIndex={0} role="region" aria-label="Device table">
            <table className={query.isPlaceholderData ? 'table table-stale' : 'table'}>
              <caption className="hidden">Devices in order of their id</caption>
              <thead>
                <tr>
                  <th scope="col">Device</th>
                  <th scope="col">Connection</th>
                  <th scope="col">Status</th>
                  <th scope="col" className="wide-only">
                    Authentication
                  </th>
                  <th scope="col">Certificate ends</th>
                  <th scope="col" className="wide-only">
                    Added
                  </th>
                </tr>
              </thead>
              <tbody>
                <Rows rows={page.devices} />
              </tbody>
            </table>
          </div>
          <nav className="pager" aria-label="Pages of devices">
            <span className="quiet">
              {count(first)} to {count(first + page.devices.length - 1)} of {count(page.total)}
            </span>
            <span className="actions">
              <button type="button" className="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
                Previous
              </button>
              <button
                type="button"
                className="button"
                disabled={page.next === null || query.isPlaceholderData}
                onClick={() => {
                  if (page.next !== null) setTrail([...trail, page.next])
                }}
              >
                Next
              </button>
            </span>
          </nav>
        </>
      ) : null}
    </div>
  )
}
