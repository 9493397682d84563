/** Whom a page is about: a device, or a module of it. */
export type Who = { readonly device: string; readonly module: string | undefined }

/** The identity as facts and queries name it: `pump-1`, or `pump-1/camera`. */
export const nameOf = ({ device, module }: Who): string => (module === undefined ? device : `${device}/${module}`)

/** A word for it in sentences. */
export const wordOf = ({ module }: Who): 'device' | 'module' => (module === undefined ? 'device' : 'module')

/** Reads a name such as facts and jobs give it. */
export function whoOf(name: string): Who {
  const [device = name, module] = name.split('/', 2)
  return { device, module }
}
