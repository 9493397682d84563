import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  parseSearchWith,
  redirect,
  stringifySearchWith,
} from '@tanstack/react-router'
import { toProblem } from './api/problem.ts'
import { meQuery, queryClient } from './api/query-client.ts'
import { isPlace } from './api/session.ts'
import type { Device, JobStatus } from './api/types.ts'
import { actions, type Action } from './lib/facts.ts'
import { jobStatuses } from './lib/jobs.ts'
import { NotFound, RouteProblem, RouteWait } from './shell/states.tsx'
import { Shell } from './shell/shell.tsx'
import { Announcer } from './ui/announce.tsx'

// What is not valid is set to undefined, not left out: the router lays the result over the raw parameters.
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const root = createRootRoute({
  component: () => (
    <>
      <Announcer />
      <Outlet />
    </>
  ),
  notFoundComponent: NotFound,
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { from?: string | undefined } => ({
    from: isPlace(search['from']) ? search['from'] : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/sign-in.tsx'), 'SignInPage'),
})

// Everything else is for those who are signed in. Whoever is not comes back here afterwards.
const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  component: Shell,
  beforeLoad: async ({ location }) => {
    try {
      await queryClient.ensureQueryData(meQuery)
    } catch (error) {
      if (toProblem(error).status !== 401) throw error
      throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { from: location.href }, replace: true })
    }
  },
})

const live = createRoute({
  getParentRoute: () => app,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/live.tsx'), 'LivePage'),
})

const devices = createRoute({
  getParentRoute: () => app,
  path: '/devices',
  validateSearch: (search: Record<string, unknown>): { search?: string | undefined; status?: Device['status'] | undefined } => {
    const { search: wanted, status } = search
    return { search: text(wanted), status: status === 'enabled' || status === 'disabled' ? status : undefined }
  },
  component: lazyRouteComponent(() => import('./pages/devices.tsx'), 'DevicesPage'),
})

const deviceTabs = ['twin', 'methods', 'messages', 'modules', 'files'] as const
const moduleTabs = ['methods', 'messages'] as const

const device = createRoute({
  getParentRoute: () => app,
  path: '/devices/$id',
  validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({
    tab: deviceTabs.find((each) => each === search['tab']),
  }),
  component: lazyRouteComponent(() => import('./pages/device.tsx'), 'DevicePage'),
})

const module = createRoute({
  getParentRoute: () => app,
  path: '/devices/$id/modules/$module',
  validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({
    tab: moduleTabs.find((each) => each === search['tab']),
  }),
  component: lazyRouteComponent(() => import('./pages/module.tsx'), 'ModulePage'),
})

// Not under /devices: a device may be called "add".
const add = createRoute({
  getParentRoute: () => app,
  path: '/add',
  component: lazyRouteComponent(() => import('./pages/add.tsx'), 'AddPage'),
})

const query = createRoute({
  getParentRoute: () => app,
  path: '/query',
  component: lazyRouteComponent(() => import('./pages/query.tsx'), 'QueryPage'),
})

const jobs = createRoute({
  getParentRoute: () => app,
  path: '/jobs',
  validateSearch: (search: Record<string, unknown>): { status?: JobStatus | undefined } => ({
    status: jobStatuses.find((each) => each === search['status']),
  }),
  component: lazyRouteComponent(() => import('./pages/jobs.tsx'), 'JobsPage'),
})

const job = createRoute({
  getParentRoute: () => app,
  path: '/jobs/$id',
  component: lazyRouteComponent(() => import('./pages/job.tsx'), 'JobPage'),
})

// Not under /jobs: a job may be called "new".
const newJob = createRoute({
  getParentRoute: () => app,
  path: '/new-job',
  validateSearch: (search: Record<string, unknown>): { condition?: string | undefined } => ({ condition: text(search['condition']) }),
  component: lazyRouteComponent(() => import('./pages/new-job.tsx'), 'NewJobPage'),
})

const configurations = createRoute({
  getParentRoute: () => app,
  path: '/configurations',
  component: lazyRouteComponent(() => import('./pages/configurations.tsx'), 'ConfigurationsPage'),
})

const configuration = createRoute({
  getParentRoute: () => app,
  path: '/configurations/$id',
  component: lazyRouteComponent(() => import('./pages/configuration.tsx'), 'ConfigurationPage'),
})

const newConfiguration = createRoute({
  getParentRoute: () => app,
  path: '/new-configuration',
  component: lazyRouteComponent(() => import('./pages/new-configuration.tsx'), 'NewConfigurationPage'),
})

const routes = createRoute({
  getParentRoute: () => app,
  path: '/routes',
  component: lazyRouteComponent(() => import('./pages/routes.tsx'), 'RoutesPage'),
})

const checks = createRoute({
  getParentRoute: () => app,
  path: '/checks',
  component: lazyRouteComponent(() => import('./pages/checks.tsx'), 'ChecksPage'),
})

const policies = createRoute({
  getParentRoute: () => app,
  path: '/policies',
  component: lazyRouteComponent(() => import('./pages/policies.tsx'), 'PoliciesPage'),
})

const policy = createRoute({
  getParentRoute: () => app,
  path: '/policies/$name',
  component: lazyRouteComponent(() => import('./pages/policy.tsx'), 'PolicyPage'),
})

// Not under /policies: a document may be called "edit".
const editPolicy = createRoute({
  getParentRoute: () => app,
  path: '/edit-policy',
  validateSearch: (search: Record<string, unknown>): { name?: string | undefined } => ({ name: text(search['name']) }),
  component: lazyRouteComponent(() => import('./pages/edit-policy.tsx'), 'EditPolicyPage'),
})

type Asked = {
  device?: string | undefined
  method?: 'x509' | 'sat' | 'custom' | undefined
  username?: string | undefined
  clientId?: string | undefined
  attributes?: string | undefined
  action?: Action | undefined
  topic?: string | undefined
  decision?: string | undefined
  offset?: string | undefined
}

const explain = createRoute({
  getParentRoute: () => app,
  path: '/explain',
  validateSearch: (search: Record<string, unknown>): Asked => ({
    device: text(search['device']),
    method: (['x509', 'sat', 'custom'] as const).find((each) => each === search['method']),
    username: text(search['username']),
    clientId: text(search['clientId']),
    attributes: text(search['attributes']),
    action: actions.find((each) => each === search['action']),
    topic: text(search['topic']),
    decision: text(search['decision']),
    offset: text(search['offset']),
  }),
  component: lazyRouteComponent(() => import('./pages/explain.tsx'), 'ExplainPage'),
})

const audit = createRoute({
  getParentRoute: () => app,
  path: '/audit',
  component: lazyRouteComponent(() => import('./pages/audit.tsx'), 'AuditPage'),
})

const about = createRoute({
  getParentRoute: () => app,
  path: '/about',
  component: lazyRouteComponent(() => import('./pages/about.tsx'), 'AboutPage'),
})

/** All pages and who may see them. */
export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    app.addChildren([
      live,
      devices,
      device,
      module,
      add,
      query,
      jobs,
      job,
      newJob,
      configurations,
      configuration,
      newConfiguration,
      routes,
      checks,
      policies,
      policy,
      editPolicy,
      explain,
      audit,
      about,
    ]),
  ]),
  // Plain text in the address bar: `?search=pump`, not JSON.
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(String),
  defaultPendingComponent: RouteWait,
  defaultErrorComponent: RouteProblem,
  defaultPreload: 'intent',
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
