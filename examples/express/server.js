// An Express API whose users log in at usher.
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'

const issuer = process.env.ISSUER ?? 'http://127.0.0.1:8000'
const app = express()

// By its metadata the issuer says where its keys are. strict demands an access
// token of RFC 9068, and there is no DPoP.
app.use(auth({
  issuerBaseURL: issuer,
  audience: process.env.AUDIENCE ?? issuer,
  tokenSigningAlg: 'ES256', // what usher serve --signing-alg says
  strict: true,
  dpop: { enabled: false },
}))

app.get('/me', (req, res) => {
  const { sub, client_id: client, scope } = req.auth.payload
  res.json({ subject: sub, client, scopes: scope?.split(' ') ?? [] })
})

app.get('/orders', requiredScopes('orders'), (req, res) => {
  res.json({ orders: [], of: req.auth.payload.sub })
})

// Without this Express answers in HTML. The library has put the status and the
// challenge of RFC 6750 into the error.
app.use((error, req, res, next) => {
  if (!error.status) return next(error)
  res.status(error.status).set(error.headers).json({ error: error.code || 'missing_token' })
})

app.listen(process.env.PORT ?? 9000, '127.0.0.1', (error) => {
  if (error) throw error
})
