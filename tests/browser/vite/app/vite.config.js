import vue from "@vitejs/plugin-vue"

export default {plugins: [vue()], build: {manifest: true, assetsInlineLimit: 0}}
