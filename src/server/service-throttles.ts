import { type Static, Type } from 'typebox'
import { type AzureThrottles, type ThrottleName, defaultAzureThrottles } from '#control'

const closed = { additionalProperties: false } as const
const most = 1_000_000

/** What of a back end's requests is counted together, for people. */
const meanings: Readonly<Record<ThrottleName, string>> = {
  registry: 'Devices and modules: each request, and each item of a bulk request.',
  twinReads: 'Twins read.',
  twinUpdates: 'Twins changed.',
  queries: 'Pages of queries.',
  methods: 'Direct methods called.',
  jobs: 'Jobs made, read and cancelled.',
  configurations: 'Configurations.',
  messages: 'Queues emptied, and feedback read.',
}

function rate(name: ThrottleName) {
  const { perSecond, burst } = defaultAzureThrottles[name]
  const whole = (unit: string, standard: number, description: string) =>
    Type.Optional(Type.Integer({ minimum: 1, maximum: most, unit, default: standard, description }))
  return Type.Optional(
    Type.Object(
      {
        perSecond: whole('requests each second', perSecond, `${meanings[name]} So many on average.`),
        burst: whole('requests', burst, `${meanings[name]} So many at once.`),
      },
      { ...closed, description: meanings[name] },
    ),
  )
}

/** How often one back end may ask by HTTPS, by kind; one that asks more often is told when to come again (429). */
export const throttlesSchema = Type.Optional(
  Type.Object(
    {
      registry: rate('registry'),
      twinReads: rate('twinReads'),
      twinUpdates: rate('twinUpdates'),
      queries: rate('queries'),
      methods: rate('methods'),
      jobs: rate('jobs'),
      configurations: rate('configurations'),
      messages: rate('messages'),
    },
    { ...closed, description: 'How often one back end may ask by HTTPS; one that asks more often is told when to come again (429).' },
  ),
)

/** Fills what the settings say up with the defaults. */
export function azureThrottles(given: Static<typeof throttlesSchema> = {}): AzureThrottles {
  const rateOf = (name: ThrottleName) => ({ ...defaultAzureThrottles[name], ...given[name] })
  return {
    registry: rateOf('registry'),
    twinReads: rateOf('twinReads'),
    twinUpdates: rateOf('twinUpdates'),
    queries: rateOf('queries'),
    methods: rateOf('methods'),
    jobs: rateOf('jobs'),
    configurations: rateOf('configurations'),
    messages: rateOf('messages'),
  }
}
