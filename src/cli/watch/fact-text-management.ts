import { type Told, by, messages, seconds, unlessNone } from './fact-words.ts'

const whole = (of: (name: string) => string) => (of('replaces') === 'true' ? 'replaced' : 'set')
const part = (word: string, patch: string) => (patch === '' ? '' : `${word} ${patch}`)
/** A message by the name that its sender gave it, or else by its number. */
const message = (of: (name: string) => string) =>
  of('messageId') === '' ? `message number ${of('sequenceNumber')}` : `message ${of('messageId')}`
const work = (type: string) => (type === 'scheduleUpdateTwin' ? 'changes twins' : 'calls a method')
const named = (word: string, value: string) => (value === '' ? '' : `${word} ${value}`)
const cause = (of: (name: string) => string) => (of('cause.id') === '' ? by(of('actor')) : `by ${of('cause.kind')} ${of('cause.id')}`)
const status = (value: string) => (value === '' ? '' : `answered ${value}`)
const tried = (count: string) => (count === '' || count === '0' ? '' : `after ${count} ${count === '1' ? 'try' : 'tries'} in vain`)

/** What a person wants to read of twins, methods, messages, files, modules, jobs, configurations, back ends and routes. */
export const toldOfManagement: readonly (readonly [kind: string, told: Told])[] = [
  ['twin-reported', (of) => [`reported ${of('patch')}`, `version ${of('version')}`]],
  [
    'twin-changed',
    (of) => [
      of('tags') === '' && of('desired') === '' ? 'status of configurations' : whole(of),
      part('tags', of('tags')),
      part('desired', of('desired')),
      part('configurations', of('configurations')),
      `version ${of('desiredVersion')}`,
      cause(of),
    ],
  ],
  ['model-announced', (of) => [of('modelId')]],
  ['module-created', (of) => [by(of('actor'))]],
  ['module-changed', (of) => [of('changes'), by(of('actor'))]],
  ['module-deleted', (of) => [by(of('actor'))]],
  ['c2d-enqueued', (of) => [message(of), `${of('bytes')} bytes`, by(of('actor'))]],
  ['c2d-completed', (of) => [`${message(of)} taken`, tried(of('deliveryCount'))]],
  ['c2d-dead-lettered', (of) => [`${message(of)} given up`, of('reason'), tried(of('deliveryCount'))]],
  ['c2d-purged', (of) => [`${messages(of('count'))} dropped`, by(of('actor'))]],
  [
    'method-called',
    (of) => [
      of('method'),
      status(of('status')),
      of('status') === '' ? `no answer (${of('code')})` : '',
      `in ${seconds(of('durationMs'))}`,
      by(of('actor')),
    ],
  ],
  ['file-upload-started', (of) => [of('blobName')]],
  [
    'file-uploaded',
    (of) => [
      of('blobName'),
      of('succeeded') === 'true' ? '' : 'the device says that it failed',
      of('bytes') === '' ? '' : `${of('bytes')} bytes`,
    ],
  ],
  ['service-messages-dropped', (of) => [messages(of('count')), of('queue'), of('reason')]],
  ['configuration-changed', (of) => [`${of('id')} ${of('action')}d`, by(of('actor'))]],
  [
    'configurations-evaluated',
    (of) => [`${of('configurations')} configurations`, unlessNone(of('changed'), 'twins changed'), `in ${seconds(of('durationMs'))}`],
  ],
  ['configuration-content-applied', (of) => [`${of('twins')} twins set`, by(of('actor'))]],
  ['job-started', (of) => [of('job'), work(of('jobType')), by(of('actor'))]],
  [
    'job-device-ended',
    (of) => [`job ${of('job')}`, of('status'), status(of('answerStatus')), of('description'), of('code') === '' ? '' : `(${of('code')})`],
  ],
  [
    'job-ended',
    (of) => [
      `${of('job')} ${of('status')}`,
      `${of('succeeded')} of ${of('devices')} succeeded`,
      unlessNone(of('failed'), 'failed'),
      unlessNone(of('canceled'), 'left out'),
      of('reason'),
    ],
  ],
  ['service-added', (of) => [`${of('what')} ${of('name')}`, of('rights'), by(of('actor'))]],
  ['service-removed', (of) => [`${of('what')} ${of('name')}`, by(of('actor'))]],
  [
    'import-started',
    (of) => [
      of('import'),
      unlessNone(of('create'), 'to create'),
      unlessNone(of('update'), 'to change'),
      unlessNone(of('delete'), 'to delete'),
      unlessNone(of('refused'), 'REFUSED'),
      by(of('actor')),
    ],
  ],
  ['import-ended', (of) => [`${of('import')} ${of('status')}`, unlessNone(of('done'), 'lines'), unlessNone(of('failed'), 'not done')]],
  ['routes-changed', (of) => [of('what'), `version ${of('version')}`, by(of('actor'))]],
  ['endpoint-changed', (of) => [`${of('endpoint')} ${of('action')}d`, named('type', of('type')), by(of('actor'))]],
  ['egress-failed', (of) => [`endpoint ${of('endpoint')}`, of('reason'), `${of('tries')} tries`]],
  ['egress-recovered', (of) => [`endpoint ${of('endpoint')}`, `after ${seconds(of('durationMs'))}`]],
  ['egress-lost', (of) => [`endpoint ${of('endpoint')}`, `offsets ${of('first')} to ${of('last')} were gone before they were sent`]],
  [
    'egress-dead-lettered',
    (of) => [`endpoint ${of('endpoint')}`, `${of('count')} put aside`, unlessNone(of('trimmed'), 'older ones dropped'), of('reason')],
  ],
]
