"use strict";

// Addresses are relative, so that the page works behind a proxy that puts a prefix before every path.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  // A key is entered once; the browser keeps it for this host until "Logout".
  persistAuthorization: true,
  tryItOutEnabled: true,
  deepLinking: true,
  filter: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Swagger's own validator would be asked on another host.
  validatorUrl: null,
});
