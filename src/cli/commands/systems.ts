/** Systems that `trust` knows. */
export const trustSystems = ['debian', 'fedora', 'macos', 'windows', 'chrome', 'firefox', 'node'] as const
