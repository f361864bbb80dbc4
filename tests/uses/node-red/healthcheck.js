// Exit status 0 if the editor or the API answers.
const settings = (() => { try { return require("/data/settings.js"); } catch { return {}; } })();
const { request } = require(settings.https ? "https" : "http");
const url = `${settings.https ? "https" : "http"}://127.0.0.1:${settings.uiPort || process.env.PORT || 1880}/`;
const asked = request(url, { timeout: 2000, rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode < 500 ? 0 : 1));
asked.on("error", () => process.exit(1));
asked.end();
