import { Link } from '@tanstack/react-router'
import { whoOf } from '../api/who.ts'

/** The name of a device or a module, leading to its page. */
export function WhoLink({ name }: { readonly name: string }) {
  const { device, module } = whoOf(name)
  return module === undefined ? (
    <Link to="/devices/$id" params={{ id: device }}>
      {name}
    </Link>
  ) : (
    <Link to="/devices/$id/modules/$module" params={{ id: device, module }}>
      {name}
    </Link>
  )
}
