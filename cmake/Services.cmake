# The table of services, services/services.txt. MILLRACE_SERVICES: their names, in the order of start.
set(MILLRACE_SERVICES_TABLE ${CMAKE_SOURCE_DIR}/services/services.txt)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${MILLRACE_SERVICES_TABLE})
file(STRINGS ${MILLRACE_SERVICES_TABLE} rows REGEX "^[a-z]")
set(MILLRACE_SERVICES)
foreach(row IN LISTS rows)
  string(REGEX MATCH "^[a-z]+" name "${row}")
  list(APPEND MILLRACE_SERVICES ${name})
endforeach()
