import { chooseTheme, type Theme, useTheme } from '../ui/theme.ts'

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

/** Light, dark, or as the system says; remembered in this browser. */
export function ThemeSwitch() {
  const theme = useTheme()
  return (
    <fieldset className="switch">
      <legend className="hidden">Theme</legend>
      {themes.map(([value, label]) => (
        <label key={value} className="switch-option">
          <input type="radio" name="theme" value={value} checked={theme === value} onChange={() => chooseTheme(value)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  )
}
