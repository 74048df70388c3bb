// A token endpoint on @node-oauth/oauth2-server that keeps everything in memory.
// Run by the benchmark: node server.js CLIENT SECRET PUBLIC-CLIENT PASSWORD
'use strict'
const http = require('node:http')
const OAuth2Server = require('@node-oauth/oauth2-server')

const [client, secret, publicClient, password] = process.argv.slice(2)
const clients = {
  [client]: { id: client, secret, grants: ['client_credentials'] },
  [publicClient]: { id: publicClient, grants: ['password', 'refresh_token'] }
}
const refreshTokens = new Map()
const oauth = new OAuth2Server({
  model: {
    getClient: async (id, given) => {
      const found = clients[id]
      return found && (!found.secret || found.secret === given) ? found : null
    },
    getUser: async (name, given) => given === password ? { name } : null,
    getUserFromClient: async c => ({ name: c.id }),
    saveToken: async (token, c, user) => {
      const saved = { ...token, client: c, user }
      if (token.refreshToken) refreshTokens.set(token.refreshToken, saved)
      return saved
    },
    getRefreshToken: async token => refreshTokens.get(token),
    revokeToken: async token => refreshTokens.delete(token.refreshToken)
  },
  requireClientAuthentication: { password: false, refresh_token: false }
})

const server = http.createServer(async (req, res) => {
  let text = ''
  for await (const part of req) text += part
  const response = new OAuth2Server.Response({ headers: {} })
  const request = new OAuth2Server.Request({
    headers: req.headers, method: req.method, query: {}, body: Object.fromEntries(new URLSearchParams(text))
  })
  await oauth.token(request, response).catch(() => {}) // the response tells
  res.writeHead(response.status, { ...response.headers, 'content-type': 'application/json' })
  res.end(JSON.stringify(response.body))
})
server.listen(0, '127.0.0.1', () => console.log('127.0.0.1:' + server.address().port))
process.on('SIGTERM', () => process.exit(0))
