import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { addModule, fetchModules } from '../api/modules.ts'
import { queryClient } from '../api/query-client.ts'
import type { Module, ModuleInput } from '../api/types.ts'
import { date } from '../lib/format.ts'
import { CopyValue } from '../ui/copy.tsx'
import { Dot, Empty, Facts, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'

const refreshMs = 5000
const proofs = [
  ['none', 'Its device connects for it'],
  ['certificateAuthority', "A certificate of this hub's CA"],
  ['selfSigned', 'A certificate of its own, by thumbprint'],
  ['sas', 'Shared keys, for a migration'],
] as const
type Proof = (typeof proofs)[number][0]

/** How a module proves who it is, in words. */
export const proofText = (type: Module['authentication']['type']): string => proofs.find(([value]) => value === type)?.[1] ?? type

function AddForm({ device }: { readonly device: string }) {
  const [id, setId] = useState('')
  const [proof, setProof] = useState<Proof>('none')
  const [thumbprint, setThumbprint] = useState('')
  const add = useMutation({
    mutationFn: (body: ModuleInput) => addModule(device, body),
    onSuccess: () => {
      setId('')
      void queryClient.invalidateQueries({ queryKey: ['modules', device] })
    },
  })
  return (
    <Panel title="Add a module">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          add.mutate({
            id: id.trim(),
            authentication: { type: proof, ...(proof === 'selfSigned' ? { primaryThumbprint: thumbprint.trim() } : {}) },
          })
        }}
      >
        <label className="field">
          <span>Module id</span>
          <input
            value={id}
            required
            maxLength={128}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setId(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Authentication</span>
          <select value={proof} onChange={(event) => setProof(proofs.find(([value]) => value === event.target.value)?.[0] ?? 'none')}>
            {proofs.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {proof === 'selfSigned' ? (
          <label className="field">
            <span>Thumbprint (SHA-256)</span>
            <input value={thumbprint} required maxLength={200} spellCheck={false} onChange={(event) => setThumbprint(event.target.value)} />
          </label>
        ) : null}
        {add.error === null ? null : <ProblemNote error={add.error} />}
        <div className="actions">
          <button type="submit" className="button button-main" disabled={add.isPending}>
            {add.isPending ? 'Adding…' : 'Add module'}
          </button>
        </div>
        {add.data === undefined ? null : (
          <div className="receipt gaps" role="status" data-receipt="">
            <p>{add.data.module.id} is added.</p>
            {add.data.connectionString === null ? null : (
              <>
                <Facts pairs={[['Connection string', <CopyValue key="s" text={add.data.connectionString} what="connection string" />]]} />
                {add.data.module.authentication.type === 'sas' ? <p>It holds the key, and it exists only on this page.</p> : null}
              </>
            )}
          </div>
        )}
      </form>
    </Panel>
  )
}

/** The modules of a device, and one more. */
export function ModulesView({ device }: { readonly device: string }) {
  const query = useQuery({ queryKey: ['modules', device], queryFn: () => fetchModules(device), refetchInterval: refreshMs })
  const modules = query.data?.modules
  return (
    <div className="columns columns-2">
      <Panel title="Modules" flush>
        {query.error !== null && modules === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
        {modules === undefined && query.error === null ? <Skeleton rows={3} label="Loading modules" /> : null}
        {modules !== undefined && modules.length === 0 ? (
          <Empty title="No module yet.">
            <p>A module is a part of a device with a twin, methods and messages of its own.</p>
          </Empty>
        ) : null}
        {modules === undefined || modules.length === 0 ? null : (
          <div className="table-frame" tabIndex={0} role="region" aria-label="Modules of the device">
            <table className="table">
              <caption className="hidden">Modules of the device</caption>
              <thead>
                <tr>
                  <th scope="col">Module</th>
                  <th scope="col">Connection</th>
                  <th scope="col">Authentication</th>
                  <th scope="col" className="wide-only">
                    Managed by
                  </th>
                  <th scope="col" className="wide-only">
                    Changed
                  </th>
                </tr>
              </thead>
              <tbody>
                {modules.map((one) => (
                  <tr key={one.id}>
                    <th scope="row">
                      <Link to="/devices/$id/modules/$module" params={{ id: device, module: one.id }}>
                        {one.id}
                      </Link>
                    </th>
                    <td>
                      <Dot on={one.connected}>{one.connected ? 'connected' : 'not connected'}</Dot>
                    </td>
                    <td>{proofText(one.authentication.type)}</td>
                    <td className="wide-only">{one.managedBy ?? ''}</td>
                    <td className="quiet wide-only">{date(one.updatedAt)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <AddForm device={device} />
    </div>
  )
}
