import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { changeDevice, deleteDevice, revokeDevice } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import type { Device } from '../api/types.ts'
import { plural, receiptText } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'

/** What an operator can do to a device. Each change asks first and ends in a receipt, told through `told`. */
export function DeviceActions({ device, told }: { readonly device: Device; readonly told: (receipt: string) => void }) {
  const router = useRouter()
  const [question, setQuestion] = useState<Question | null>(null)
  const { id } = device

  const tell = (text: string): void => {
    told(text)
    announce(text)
    void queryClient.invalidateQueries({ queryKey: ['device', id] })
    void queryClient.invalidateQueries({ queryKey: ['devices'] })
  }
  const enable = async (): Promise<void> => {
    await changeDevice(id, { status: 'enabled', statusReason: null }, device.etag)
    tell(`${id} is enabled and may connect again.`)
  }
  const disable: Question = {
    title: `Disable ${id}?`,
    body: <p>Its live sessions end at once and it is refused until it is enabled again. Nothing is deleted.</p>,
    verb: 'Disable',
    reason: true,
    act: async (reason) => {
      const { receipt } = await changeDevice(id, { status: 'disabled', statusReason: reason === '' ? null : reason }, device.etag)
      tell(`${id} is disabled: ${receipt ? receiptText(receipt) : 'it had no session'}.`)
    },
  }
  const revoke: Question = {
    title: `Revoke ${id}?`,
    body:
      device.authentication.type === 'selfSigned' ? (
        <p>
          It brings its own certificate, which nobody here can revoke: the device is disabled, and its live sessions end on every transport.
        </p>
      ) : (
        <>
          <p>Every certificate this hub issued to it is revoked for ever, and its live sessions end on every transport.</p>
          <p>It connects again only with a new certificate.</p>
        </>
      ),
    verb: 'Revoke',
    reason: true,
    act: async (reason) => {
      const answer = await revokeDevice(id, reason)
      tell(`Revoked ${plural(answer.certificates, 'certificate')}: ${receiptText(answer.receipt)}.`)
    },
  }
  const remove: Question = {
    title: `Delete ${id}?`,
    body: <p>The device leaves the registry and its sessions end. What it has sent stays in the journal.</p>,
    verb: 'Delete',
    typed: id,
    act: async () => {
      const { receipt } = await deleteDevice(id)
      announce(`${id} is deleted: ${receiptText(receipt)}.`)
      queryClient.removeQueries({ queryKey: ['device', id] })
      void queryClient.invalidateQueries({ queryKey: ['devices'] })
      await router.navigate({ to: '/devices' })
    },
  }
  return (
    <>
      {device.status === 'enabled' ? (
        <button type="button" className="button" onClick={() => setQuestion(disable)}>
          Disable…
        </button>
      ) : (
        <button
          type="button"
          className="button"
          onClick={() => void enable().catch((error: unknown) => announce(error instanceof Error ? error.message : 'Not enabled.'))}
        >
          Enable
        </button>
      )}
      <button type="button" className="button button-danger" onClick={() => setQuestion(revoke)}>
        Revoke…
      </button>
      <button type="button" className="button" onClick={() => setQuestion(remove)}>
        Delete…
      </button>
      <Confirm question={question} close={() => setQuestion(null)} />
    </>
  )
}
