# The dashboard's files as part of a library: coterie_embed_dashboard(TARGET) gives TARGET a source with what stands in
# web/ and in the package that its package-lock.json names, each as it is and gzipped; and its openapi.json.
#
#   COTERIE_DASHBOARD   AUTO: with pages where npm is installed and can have the packages, else the API alone.
#                       ON: a build without pages is an error. OFF: the API alone; npm is not asked.
set(COTERIE_DASHBOARD AUTO CACHE STRING "Build the dashboard's pages in: ON, OFF or AUTO (npm fetches one package)")
set_property(CACHE COTERIE_DASHBOARD PROPERTY STRINGS ON OFF AUTO)

function(coterie_embed_dashboard target)
  set(pages ${COTERIE_DASHBOARD})
  if(pages)
    find_program(COTERIE_NPM npm)
    mark_as_advanced(COTERIE_NPM)
    if(NOT COTERIE_NPM AND pages STREQUAL "AUTO")
      message(STATUS "The dashboard has no pages in this build: npm is not installed (npm). Its API is there.")
      set(pages OFF)
    elseif(NOT COTERIE_NPM)
      _coterie_missing("npm, which fetches a package for the dashboard," "npm")
    endif()
  endif()

  set(web "${PROJECT_SOURCE_DIR}/web")
  set(made "${PROJECT_BINARY_DIR}/generated/dashboard_assets.cpp")
  set(openapi "${PROJECT_SOURCE_DIR}/src/dashboard/openapi.json")
  file(GLOB files CONFIGURE_DEPENDS "${web}/*.js" "${web}/*.css" "${web}/*.html" "${web}/*.svg" "${web}/*.json")
  add_custom_command(OUTPUT "${made}"
    COMMAND "${CMAKE_COMMAND}" -DWEB=${web} -DWORK=${PROJECT_BINARY_DIR}/web -DOUT=${made} -DOPENAPI=${openapi}
      -DPAGES=${pages} -DNPM=${COTERIE_NPM} -P "${PROJECT_SOURCE_DIR}/cmake/EmbedDashboard.cmake"
    DEPENDS ${files} "${openapi}" "${PROJECT_SOURCE_DIR}/cmake/EmbedDashboard.cmake"
    COMMENT "Putting the dashboard's files together" VERBATIM)
  target_sources(${target} PRIVATE "${made}")
endfunction()
