// The page at /api/docs: reads the description that the same server serves.
'use strict';

window.SwaggerUIBundle({
  url: '/api/openapi.yaml',
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,  // nothing is sent elsewhere
  persistAuthorization: false,
});
