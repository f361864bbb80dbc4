import {createApp} from "vue"
import {createRouter, createWebHistory} from "vue-router"
import App from "./App.vue"
import "./style.css"

// Pages are chunks of their own, which the router loads when it goes there.
const routes = [
  {path: "/", component: () => import("./Start.vue")},
  {path: "/other", component: () => import("./Other.vue")},
]
createApp(App).use(createRouter({history: createWebHistory(), routes})).mount("#app")
