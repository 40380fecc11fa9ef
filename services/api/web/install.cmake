# Copies the pages and hls.js into the web root: cmake -DSOURCE=… -DTARGET=… -DNPM=… -P install.cmake
set(player ${SOURCE}/node_modules/hls.js/dist/hls.min.js)
if(NOT EXISTS ${player})
  execute_process(COMMAND ${NPM} ci --no-audit --no-fund --loglevel=error WORKING_DIRECTORY ${SOURCE} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(GLOB pages ${SOURCE}/*.html ${SOURCE}/*.js ${SOURCE}/*.css ${SOURCE}/*.svg)
file(MAKE_DIRECTORY ${TARGET})
file(COPY ${pages} ${player} DESTINATION ${TARGET})
file(TOUCH ${TARGET}/.built)
