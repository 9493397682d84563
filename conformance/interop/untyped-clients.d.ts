// What the interoperability runs use of two clients that come without types.

declare module 'paho-mqtt' {
  export class Message {
    constructor(payload: ArrayBufferView)
    destinationName: string
    qos: number
    retained: boolean
    readonly payloadBytes: Uint8Array
  }
  export type ConnectOptions = {
    readonly useSSL: boolean
    readonly cleanSession: boolean
    readonly mqttVersion: 4
    readonly mqttVersionExplicit: boolean
    readonly keepAliveInterval: number
    readonly timeout: number
    readonly willMessage?: Message
    onSuccess(): void
    onFailure(failure: { readonly errorMessage: string }): void
  }
  export type SubscribeOptions = {
    readonly qos: 0 | 1 | 2
    onSuccess(response: { readonly grantedQos: ArrayLike<number> }): void
    onFailure(failure: { readonly errorCode: ArrayLike<number> }): void
  }
  export class Client {
    constructor(host: string, port: number, path: string, clientId: string)
    onMessageArrived: (message: Message) => void
    onMessageDelivered: (message: Message) => void
    onConnectionLost: () => void
    connect(options: ConnectOptions): void
    subscribe(filter: string, options: SubscribeOptions): void
    send(message: Message): void
    disconnect(): void
  }
  const library: { readonly Client: typeof Client; readonly Message: typeof Message }
  export default library
}

declare module 'u8-mqtt' {
  import type { Duplex } from 'node:stream'

  /** A number in an object, with its name. */
  export type Reason = { valueOf(): number }
  export type Properties = Readonly<Record<string, unknown>>
  export type Publication = {
    readonly topic: string
    readonly payload: Uint8Array
    readonly qos: number
    readonly retain?: number | boolean
    readonly props?: Properties
  }
  export type Connect = {
    readonly client_id: string
    readonly keep_alive: number
    readonly flags: { readonly clean_start: boolean } & Readonly<Record<string, number | boolean>>
    readonly will?: Publication
    readonly props?: Properties
  }
  export type Answer = readonly [
    {
      readonly reason?: Reason
      readonly answers?: readonly Reason[]
      readonly flags?: { readonly session_present?: boolean }
    },
    ...unknown[],
  ]
  export class U8Client {
    log_conn: () => void
    on_error: (error: unknown) => void
    with_stream(stream: Duplex): this
    on_topic(route: string, then: (packet: Publication & { readonly payload: Uint8Array | null }) => void): this
    connect(packet: Connect): Promise<Answer>
    subscribe(packet: {
      readonly topics: readonly (readonly [string, { readonly qos: number }])[]
      readonly props?: Properties
    }): Promise<Answer>
    pub(packet: Publication): Promise<Answer | boolean>
    disconnect(): Promise<unknown>
  }
  export function mqtt_v4(options?: object): U8Client
  export function mqtt_v5(options?: object): U8Client
}
