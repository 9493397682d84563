/** The pages of the rail, in order, each with the key that follows `g`. */
export const places = [
  { to: '/', label: 'Live', key: 'l' },
  { to: '/devices', label: 'Devices', key: 'd' },
  { to: '/query', label: 'Query', key: 'q' },
  { to: '/jobs', label: 'Jobs', key: 'j' },
  { to: '/configurations', label: 'Configurations', key: 'o' },
  { to: '/routes', label: 'Routes', key: 'r' },
  { to: '/checks', label: 'Checks', key: 'c' },
  { to: '/policies', label: 'Policies', key: 'p' },
  { to: '/explain', label: 'Explain', key: 'e' },
  { to: '/audit', label: 'Audit', key: 'a' },
  { to: '/about', label: 'About', key: 'i' },
] as const
