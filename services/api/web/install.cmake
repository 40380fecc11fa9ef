# Copies the pages, hls.js, Swagger UI and the API's description into the web root: cmake -DSOURCE=… -DTARGET=… -DNPM=… -P install.cmake
set(packages ${SOURCE}/node_modules/hls.js/dist/hls.min.js ${SOURCE}/node_modules/swagger-ui-dist/swagger-ui-bundle.js
    ${SOURCE}/node_modules/swagger-ui-dist/swagger-ui.css)
list(GET packages -1 newest)
if(NOT EXISTS ${newest})
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error WORKING_DIRECTORY ${SOURCE} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(GLOB pages ${SOURCE}/*.html ${SOURCE}/*.js ${SOURCE}/*.css ${SOURCE}/*.svg)
file(MAKE_DIRECTORY ${TARGET})
file(COPY ${pages} ${packages} ${SOURCE}/../../../docs/api/openapi.yaml DESTINATION ${TARGET})
file(TOUCH ${TARGET}/.built)
