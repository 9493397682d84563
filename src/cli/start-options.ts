import type { OptionSpec } from './spec.ts'

/** Options of the hub that starts, as the command shows and passes them. */
export const startOptions: readonly OptionSpec[] = [
  { flag: '--data', takes: 'DIR', env: 'THINGWALL_DATA', help: 'data directory' },
  { flag: '--host', takes: 'ADDRESS', env: 'THINGWALL_HOST', default: '127.0.0.1', help: 'address to listen on' },
  { flag: '--mqtt-port', takes: 'PORT', env: 'THINGWALL_MQTT_PORT', default: '8883', help: 'MQTT over TLS' },
  {
    flag: '--https-port',
    takes: 'PORT',
    env: 'THINGWALL_HTTPS_PORT',
    default: '443, or 8443 without the right to bind it',
    help: 'HTTPS and WebSocket for devices',
  },
  { flag: '--console-port', takes: 'PORT', env: 'THINGWALL_CONSOLE_PORT', default: '9443', help: 'console and API for operators' },
  {
    flag: '--name',
    takes: 'NAME',
    env: 'THINGWALL_NAME',
    repeat: true,
    help: 'DNS name or address that devices use; may be given many times',
  },
  { flag: '--key-file', takes: 'FILE', env: 'THINGWALL_KEY_FILE', help: 'file with the key that protects what is at rest' },
  {
    flag: '--passphrase-file',
    takes: 'FILE',
    env: 'THINGWALL_PASSPHRASE_FILE',
    help: 'file with the passphrase that protects what is at rest',
  },
  { flag: '--retention-bytes', takes: 'BYTES', env: 'THINGWALL_RETENTION_BYTES', help: 'most bytes that the journal keeps' },
  { flag: '--retention-days', takes: 'DAYS', env: 'THINGWALL_RETENTION_DAYS', help: 'most days that the journal keeps' },
]
