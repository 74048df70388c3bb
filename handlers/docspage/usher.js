// The page talks to the server it came from, by whatever name that was reached: the
// document names the issuer, which the policy of this page would not let it ask.
// Tokens stay in the page's memory, and nothing in its own address is followed, so
// that no link to it can make it talk to another server.
(async () => {
  const here = new URL(".", location.href).href;
  const spec = await (await fetch("openapi.json")).json();
  spec.servers = [{ url: here, description: "this server" }];
  for (const { flows = {} } of Object.values(spec.components.securitySchemes)) {
    for (const flow of Object.values(flows)) {
      flow.tokenUrl = here + "token";
    }
  }
  SwaggerUIBundle({
    dom_id: "#swagger-ui",
    spec,
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    persistAuthorization: false,
    queryConfigEnabled: false,
    validatorUrl: null,
  });
})();
