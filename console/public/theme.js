// Runs before the first paint, so that a remembered theme never flashes. A file of its own: the policy forbids inline script.
;(() => {
  try {
    const chosen = localStorage.getItem('thingwall-theme')
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
  } catch {
    // Storage may be forbidden; the system's choice then stands.
  }
})()
