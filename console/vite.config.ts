import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The hub serves the result under a policy without inline script, inline style or data URLs, so nothing may be inlined.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: 'es2023',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 600,
  },
})
