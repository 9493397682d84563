import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { AddedDevice } from '../api/types.ts'
import { PageHead } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { AddMany } from './add-many.tsx'
import { AddOne } from './add-one.tsx'
import { Added } from './added.tsx'

/** Adds one device or many; one device ends in its files and the programs that connect it. */
export function AddPage() {
  const [added, setAdded] = useState<AddedDevice | null>(null)
  if (added !== null) return <Added added={added} another={() => setAdded(null)} />
  return (
    <div className="page page-narrow">
      <PageHead title="Add devices" lead="Each device gets an identity of its own. None shares a key with another." />
      <Tabs
        label="How many"
        tabs={[
          { id: 'one', label: 'One device', body: <AddOne done={setAdded} /> },
          { id: 'many', label: 'Many devices', body: <AddMany /> },
        ]}
      />
      <p className="quiet">
        <Link to="/devices">Back to the devices</Link>
      </p>
    </div>
  )
}
