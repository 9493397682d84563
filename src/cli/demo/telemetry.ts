/** What one demo device says at one moment. */
export type Reading = { readonly body: string; readonly properties: Readonly<Record<string, string>> }

const sites = ['north', 'south', 'harbour'] as const
const kinds = ['pump', 'compressor', 'fan', 'conveyor', 'mixer'] as const

/** Plausible telemetry of device `index` after `seconds`: slow waves, a little noise, and an alert when it runs hot. The same in, the same out. */
export function reading(index: number, seconds: number): Reading {
  const phase = index * 1.7
  const wave = (period: number) => Math.sin((2 * Math.PI * seconds) / period + phase)
  const temperature = 42 + 9 * wave(180) + noise(index, seconds, 1) * 0.8
  const pressure = 6.2 + 0.5 * wave(240) + noise(index, seconds, 2) * 0.05
  const vibration = 1.4 + 0.6 * Math.abs(wave(60)) + noise(index, seconds, 3) * 0.2
  const rounded = { temperature: round(temperature, 2), pressure: round(pressure, 3), vibration: round(vibration, 3) }
  const properties = {
    site: sites[index % sites.length] ?? 'north',
    machine: kinds[index % kinds.length] ?? 'pump',
    ...(temperature > 50 ? { alert: 'hot' } : {}),
  }
  return { body: JSON.stringify(rounded), properties }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

// A number from -1 to 1 that looks random and is a function of its place.
function noise(index: number, seconds: number, channel: number): number {
  const x = Math.sin(index * 127.1 + Math.floor(seconds * 10) * 311.7 + channel * 74.7) * 43758.5453
  return (x - Math.floor(x)) * 2 - 1
}
