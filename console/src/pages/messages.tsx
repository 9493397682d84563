import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { fetchQueue, purgeQueue, sendMessage } from '../api/messages.ts'
import { queryClient } from '../api/query-client.ts'
import type { MessageInput, QueuedMessage } from '../api/types.ts'
import { nameOf, type Who, wordOf } from '../api/who.ts'
import { utf8Bytes } from '../lib/bytes.ts'
import { bytes, plural } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { PairFields, type Pair, pairsToObject } from './pair-fields.tsx'

const refreshMs = 3000
const maxExpirySeconds = 172_800
const acks = [
  ['none', 'No feedback'],
  ['positive', 'When it is taken'],
  ['negative', 'When it is given up'],
  ['full', 'In both cases'],
] as const
type Ack = (typeof acks)[number][0]
const contentTypes = ['', 'application/json', 'text/plain', 'application/octet-stream'] as const

function Composer({ who, sent }: { readonly who: Who; readonly sent: (sequenceNumber: number) => void }) {
  const [body, setBody] = useState('')
  const [contentType, setContentType] = useState('application/json')
  const [ack, setAck] = useState<Ack>('none')
  const [expiry, setExpiry] = useState('3600')
  const [messageId, setMessageId] = useState('')
  const [correlationId, setCorrelationId] = useState('')
  const [pairs, setPairs] = useState<readonly Pair[]>([])
  const send = useMutation({
    mutationFn: (message: MessageInput) => sendMessage(who, message),
    onSuccess: ({ sequenceNumber }) => sent(sequenceNumber),
  })
  const given = (name: 'messageId' | 'correlationId' | 'contentType', value: string) =>
    value.trim() === '' ? {} : { [name]: value.trim() }
  return (
    <Panel title="Send a message" aside={<span className="quiet">{bytes(utf8Bytes(body))}</span>}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          send.mutate({
            body,
            ack,
            expirySeconds: Number(expiry),
            properties: pairsToObject(pairs),
            ...given('messageId', messageId),
            ...given('correlationId', correlationId),
            ...given('contentType', contentType),
          })
        }}
      >
        <label className="field">
          <span>Body</span>
          <textarea rows={6} value={body} spellCheck={false} onChange={(event) => setBody(event.target.value)} />
        </label>
        <div className="field-row">
          <label className="field">
            <span>Content type</span>
            <select value={contentType} onChange={(event) => setContentType(event.target.value)}>
              {contentTypes.map((each) => (
                <option key={each} value={each}>
                  {each === '' ? 'not said' : each}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>Feedback</span>
            <select value={ack} onChange={(event) => setAck(acks.find(([value]) => value === event.target.value)?.[0] ?? 'none')}>
              {acks.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>Expires after seconds</span>
            <input
              type="number"
              min={1}
              max={maxExpirySeconds}
              required
              value={expiry}
              onChange={(event) => setExpiry(event.target.value)}
            />
          </label>
        </div>
        <div className="field-row">
          <label className="field">
            <span>
              Message id <span className="optional">optional</span>
            </span>
            <input value={messageId} maxLength={128} spellCheck={false} onChange={(event) => setMessageId(event.target.value)} />
          </label>
          <label className="field">
            <span>
              Correlation id <span className="optional">optional</span>
            </span>
            <input value={correlationId} maxLength={128} spellCheck={false} onChange={(event) => setCorrelationId(event.target.value)} />
          </label>
        </div>
        <PairFields legend="Properties" one="property" pairs={pairs} change={setPairs} />
        {send.error === null ? null : <ProblemNote error={send.error} />}
        <div className="actions">
          <button type="submit" className="button button-main" disabled={send.isPending}>
            {send.isPending ? 'Sending…' : 'Send'}
          </button>
        </div>
      </form>
    </Panel>
  )
}

function QueueRow({ message }: { readonly message: QueuedMessage }) {
  const properties = Object.entries(message.properties)
  return (
    <tr>
      <th scope="row">{message.sequenceNumber}</th>
      <td>
        {message.messageId === null ? null : <code>{message.messageId}</code>}
        <span className="quiet">
          {message.messageId === null ? '' : ' · '}
          {message.contentType ?? 'no content type'} · {bytes(message.bytes)}
        </span>
        {properties.length === 0 ? null : (
          <p>
            <code>{properties.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join(', ')}</code>
          </p>
        )}
      </td>
      <td>{message.isLocked ? <Badge tone="accent">with the device</Badge> : <Badge tone="quiet">waiting</Badge>}</td>
      <td>{message.deliveryCount}</td>
      <td className="nowrap">
        <Ago at={message.enqueuedAt} />
      </td>
      <td className="nowrap">{message.expiresAt === null ? 'never' : <Ago at={message.expiresAt} />}</td>
      <td className="wide-only">{message.ack === 'none' ? <span className="quiet">none</span> : message.ack}</td>
    </tr>
  )
}

function Queue({ who }: { readonly who: Who }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const name = nameOf(who)
  const query = useQuery({ queryKey: ['queue', name], queryFn: () => fetchQueue(who), refetchInterval: refreshMs })
  const messages = query.data?.messages
  const purge: Question = {
    title: `Empty the queue of ${name}?`,
    body: <p>What waits is dropped and never delivered. A message that the {wordOf(who)} has already stays with it.</p>,
    verb: 'Empty',
    act: async () => {
      const { purged } = await purgeQueue(who)
      announce(`${plural(purged, 'message')} dropped.`)
      await queryClient.invalidateQueries({ queryKey: ['queue', name] })
    },
  }
  return (
    <Panel
      title="Queue"
      flush
      aside={
        <button
          type="button"
          className="button button-small"
          disabled={messages === undefined || messages.length === 0}
          onClick={() => setQuestion(purge)}
        >
          Empty…
        </button>
      }
    >
      {query.error !== null && messages === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {messages === undefined && query.error === null ? <Skeleton rows={3} label="Loading the queue" /> : null}
      {messages !== undefined && messages.length === 0 ? <Empty title="Nothing waits." /> : null}
      {messages === undefined || messages.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Messages that wait">
          <table className="table">
            <caption className="hidden">Messages that wait, oldest first</caption>
            <thead>
              <tr>
                <th scope="col">Number</th>
                <th scope="col">Message</th>
                <th scope="col">State</th>
                <th scope="col">Tried</th>
                <th scope="col">Sent</th>
                <th scope="col">Expires</th>
                <th scope="col" className="wide-only">
                  Feedback
                </th>
              </tr>
            </thead>
            <tbody>
              {messages.map((message) => (
                <QueueRow key={message.sequenceNumber} message={message} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Confirm question={question} close={() => setQuestion(null)} />
    </Panel>
  )
}

/** Messages for a device or a module: written here, looked at while they wait. */
export function MessagesView({ who }: { readonly who: Who }) {
  const [receipt, setReceipt] = useState<string | null>(null)
  return (
    <>
      {receipt === null ? null : (
        <p className="receipt" role="status" data-receipt="">
          <Badge tone="ok">receipt</Badge> {receipt}
        </p>
      )}
      <Composer
        who={who}
        sent={(sequenceNumber) => {
          setReceipt(`Message ${sequenceNumber} is on disk and waits for ${nameOf(who)}.`)
          void queryClient.invalidateQueries({ queryKey: ['queue', nameOf(who)] })
        }}
      />
      <Queue who={who} />
    </>
  )
}
