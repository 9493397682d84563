/** One setting of a hub: the same word as a flag of `npm start --` and `thingwall start`, and as an environment variable. */
export type StartOption = {
  /** With dashes, for example `--mqtt-port`. */
  readonly flag: string
  /** For example `THINGWALL_MQTT_PORT`. */
  readonly env: string
  /** What follows the flag, for help: `PORT`, `DIR`. */
  readonly takes: string
  readonly repeatable: boolean
  /** As shown in help; undefined where it is worked out at start. */
  readonly default: string | undefined
  readonly help: string
}

/** Every setting, in the order of help. The command line and the reference are made from this table. */
export const startOptions = [
  option('--data', 'DIR', 'the data directory; made on the first start', '~/.local/share/thingwall'),
  option('--config', 'FILE', 'a settings file (docs/settings.md); flags and the environment win over it', undefined),
  option('--host', 'ADDRESS', 'the address that devices reach: listeners for MQTT and HTTPS bind it', '127.0.0.1'),
  option('--console-host', 'ADDRESS', 'the address that the console binds', '127.0.0.1'),
  option('--mqtt-port', 'PORT', 'MQTT over TLS; 0 takes any free port', '8883'),
  option('--https-port', 'PORT', 'HTTPS and MQTT over WebSocket; 443, or 8443 where 443 may not be bound', '443'),
  option('--amqp-port', 'PORT', 'AMQP over TLS; 0 takes any free port', '5671'),
  option('--console-port', 'PORT', 'the console and its API', '9443'),
  {
    ...option(
      '--name',
      'NAME',
      'a DNS name or address that clients use for this hub; goes into its certificate',
      "the machine's host name",
    ),
    repeatable: true,
  },
  option(
    '--key-file',
    'FILE',
    'the root key that everything stored is encrypted under; keep it off the data disk',
    '~/.config/thingwall/keys/<hub>.key',
  ),
  option('--passphrase-file', 'FILE', 'a file with a passphrase that protects the key file', undefined),
  option('--retention-bytes', 'BYTES', 'how much of the journal is kept; 1K, 1M and 1G are understood', '10G'),
  option('--retention-days', 'DAYS', 'how long the journal is kept', '30'),
  option('--workers', 'COUNT', 'threads that speak TLS with MQTT clients; 0: none, everything in one thread', 'by the number of cores'),
  option('--log-level', 'LEVEL', 'debug, info, warn or error', 'info'),
] as const satisfies readonly StartOption[]

function option(flag: string, takes: string, help: string, fallback: string | undefined): StartOption {
  return { flag, env: `THINGWALL_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`, takes, repeatable: false, default: fallback, help }
}
