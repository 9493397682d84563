export {
  type DeviceProvisioning,
  type Operation,
  type Registrant,
  type RegistrantClaim,
  type RegisterRequest,
  type TpmClaim,
} from './device.ts'
